// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package upconv tells made pictures from photographs by their spectrum: the baseline that DeFakePro is compared with.
//
// Networks that make pictures enlarge them by up-convolution, which does not reproduce the spectrum of natural images:
// at high frequencies there is too little or too much. Durall, Keuper, Pfreundt and Keuper average the logarithm of the
// magnitude of a picture's two-dimensional spectrum over rings of equal frequency, and give the profile to an ordinary
// classifier [1] [2]. [Analyzer.Profile] and [Analyzer.Feature] are that, to the letter of the authors' published
// notebooks [3]; [Train] makes the classifiers that they use: support vector machines [4] and logistic regression.
//
// The authors' advice holds here too: crop to the face first, never resize the picture (the profile is resized instead), and
// expect little of strongly compressed video.
//
// References:
//
//  1. R. Durall, M. Keuper, F.-J. Pfreundt, J. Keuper, Unmasking DeepFakes with simple features, arXiv:1911.00686, 2019.
//  2. R. Durall, M. Keuper, J. Keuper, Watch your up-convolution: CNN based generative deep neural networks are failing to
//     reproduce spectral distributions, CVPR 2020.
//  3. github.com/cc-hpc-itwm/DeepFakeDetection.
//  4. C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20:273-297, 1995.
//  5. R.-E. Fan, P.-H. Chen, C.-J. Lin, Working set selection using second order information for training support vector
//     machines, JMLR 6:1889-1918, 2005.
package upconv
