// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// A camera with a rolling shutter in front of somebody under mains light. What a frame shows is of the moment that it is stamped with, as it is with
// a real one: a film that the browser is given for a camera is shown by a timer of its own.

// patience is for how long a computer that is busy with something else may hold up a frame, in seconds, or it is missing. What the browser makes of
// late ones is that all are (WebRTC's TimestampAligner), which a camera's driver does not give it reason for.
const patience = 0.005;

onmessage = ({ data }) => roll(data);

async function roll({ fps, width, height, readout, flicker, mains, writable }) {
	const now = () => (performance.timeOrigin + performance.now()) / 1e3 - mains.start; // seconds on the grid
	// light is that of a lamp: it swings twice in a cycle of the grid.
	const light = (t) => {
		const i = Math.floor(t / mains.step), u = t / mains.step - i;
		const drift = (1 - u) * mains.drift[i] + u * mains.drift[i + 1];
		return 1 + flicker * Math.cos(4 * Math.PI * ((mains.nominal * t + drift) % 1));
	};
	const film = scene(width, height), writer = writable.getWriter(), began = now();
	for (let n = 0; ; n++) {
		const t = began + n / fps;
		const frame = film(t, (row) => light(t + readout * row / height));
		const due = t + 1 / fps; // its last row has been read
		if (due > now()) await new Promise((done) => setTimeout(done, 1e3 * (due - now())));
		if (now() - due < patience) {
			await writer.write(frame);
		} else {
			frame.close();
			n = Math.max(n, Math.floor((now() - began) * fps) - 1);
		}
	}
}

// scene returns what films it: a function of the time and of the light on each row, that returns a frame.
function scene(width, height) {
	const surface = (level) => {
		const [a, b, c] = [0, 0, 0].map(() => 4 + 8 * Math.random());
		return Float32Array.from({ length: width * height }, (_, i) => {
			const x = (i % width) / width, y = Math.floor(i / width) / height;
			return level + 15 * Math.sin(a * x + b * y) + 10 * Math.sign(Math.sin(c * x) * Math.sin(b * y)) + 4 * Math.random();
		});
	};
	const wall = surface(100), clothes = surface(70);
	// Noise of 1.5 levels on black, and half a level to round by; each row reads it from a place of its own.
	const uniform = () => Math.random() + Math.random() + Math.random() + Math.random() - 2;
	const noise = Float32Array.from({ length: 1 << 16 }, () => 16.5 + 1.5 * Math.sqrt(3) * uniform());
	const pixels = new Uint8Array(width * height * 3 / 2).fill(128);
	const expose = (to, what, from, length, gain, grain) => {
		for (let i = 0; i < length; i++) pixels[to + i] = what[from + i] * gain + noise[grain + i];
	};
	return (t, light) => {
		const x = width * (0.5 + 0.04 * Math.sin(0.5 * t) + 0.03 * Math.sin(1.2 * t)), y = height * (0.6 + 0.02 * Math.sin(0.7 * t));
		for (let row = 0; row < height; row++) {
			const gain = light(row), grain = Math.floor(Math.random() * (noise.length - width)), line = row * width;
			expose(line, wall, line, width, gain, grain);
			const half = 0.25 * height * Math.sqrt(Math.max(0, 1 - ((row - y) / (0.35 * height)) ** 2));
			const left = Math.round(x - half); // of somebody's oval, who never leaves the picture
			expose(line + left, clothes, line + Math.round(width / 2 - half), Math.round(2 * half), gain, grain);
		}
		return new VideoFrame(pixels, { format: "I420", codedWidth: width, codedHeight: height, timestamp: Math.round(t * 1e6) });
	};
}
