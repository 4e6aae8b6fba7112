// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo && !noav

// Written for FFmpeg 5.1 (libavcodec 59.37) and later.

#include "libav.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libavutil/macros.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "luma.h"

enum {
	IO_BUFFER = 1 << 16,
	IDLE_PACKETS = 256, // packets of other streams after which dfp_next returns, to show that it lives
	MAX_CHANNELS = 64,
	MAX_SIDE = 16384,
	MAX_PIXELS = 1 << 26,
	MAX_LIVE_PIXELS = 1 << 23, // 4K: nobody sends more in a call, and it bounds what a frame costs
	LIVE_RATE = 48000,         // of Opus, always (RFC 7587)
};

typedef struct {
	int index; // in the file; -1: none, or not wanted
	AVCodecContext *codec;
} track;

struct dfp_decoder {
	int fd;
	int64_t pos;
	AVFormatContext *format;
	AVIOContext *io;
	AVPacket *packet;
	AVFrame *frame;
	struct SwsContext *sws;
	AVFrame *gray;
	track audio, video;
	track *draining; // decoder that may still hold frames of what it was sent
	int flushing;    // 0 reading, then the number of the track being flushed
	int64_t start;   // of the file, in AV_TIME_BASE
	long damaged;    // packets and frames that could not be decoded
	int read_error;
	float *pcm;
	unsigned pcm_size;
	uint32_t *sums;
	unsigned sums_size;
	int pictures; // whether the plane of luma is wanted
	uint8_t *plane;
	unsigned plane_size;
};

static void say(char *error, int size, const char *what, int code) {
	char why[AV_ERROR_MAX_STRING_SIZE] = "";
	av_strerror(code, why, sizeof why);
	snprintf(error, size, "%s: %s", what, why);
}

// --- input: one file descriptor, nothing else ---

static int io_read(void *opaque, uint8_t *buf, int size) {
	dfp_decoder *d = opaque;
	ssize_t n;
	do
		n = pread(d->fd, buf, size, d->pos);
	while (n < 0 && errno == EINTR);
	if (n < 0) return AVERROR(errno);
	if (n == 0) return AVERROR_EOF;
	d->pos += n;
	return n;
}

static int64_t io_seek(void *opaque, int64_t offset, int whence) {
	dfp_decoder *d = opaque;
	struct stat st;
	if (fstat(d->fd, &st) < 0) return AVERROR(errno);
	switch (whence & ~AVSEEK_FORCE) {
	case AVSEEK_SIZE: return st.st_size;
	case SEEK_SET: break;
	case SEEK_CUR: offset += d->pos; break;
	case SEEK_END: offset += st.st_size; break;
	default: return AVERROR(EINVAL);
	}
	if (offset < 0) return AVERROR(EINVAL);
	return d->pos = offset;
}

// io_deny is asked when a file wants another opened.
static int io_deny(AVFormatContext *s, AVIOContext **pb, const char *url, int flags, AVDictionary **options) {
	return AVERROR(EPERM);
}

// --- opening ---

static int rotation(const AVStream *st) {
	const int32_t *matrix = NULL;
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102)
	const AVPacketSideData *sd = av_packet_side_data_get(
		st->codecpar->coded_side_data, st->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
	if (sd && sd->size >= 9 * sizeof *matrix) matrix = (const int32_t *)sd->data;
#else
	size_t size = 0;
	uint8_t *data = av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, &size);
	if (data && size >= 9 * sizeof *matrix) matrix = (const int32_t *)data;
#endif
	if (!matrix) return 0;
	double angle = av_display_rotation_get(matrix); // counterclockwise
	if (isnan(angle)) return 0;
	return (((int)lrint(-angle / 90) % 4 + 4) % 4) * 90;
}

// decoder_of returns the decoder of a stream, if it is of that kind. Covers are not video.
static const AVCodec *decoder_of(const AVStream *st, enum AVMediaType type) {
	if (st->codecpar->codec_type != type || st->disposition & AV_DISPOSITION_ATTACHED_PIC) return NULL;
	return avcodec_find_decoder(st->codecpar->codec_id);
}

// others counts the streams of a kind beside the first.
static int others(const AVFormatContext *f, enum AVMediaType type) {
	int n = 0;
	for (unsigned i = 0; i < f->nb_streams; i++) n += !!decoder_of(f->streams[i], type);
	return FFMAX(n - 1, 0);
}

// open_track opens the decoder of the first stream of a kind.
static int open_track(dfp_decoder *d, track *t, enum AVMediaType type, int threads, const AVCodec **found) {
	for (unsigned i = 0; i < d->format->nb_streams; i++) {
		AVStream *st = d->format->streams[i];
		*found = decoder_of(st, type);
		if (!*found) continue;
		t->index = i;
		if (threads < 0) return 0;
		t->codec = avcodec_alloc_context3(*found);
		if (!t->codec) return AVERROR(ENOMEM);
		int ret = avcodec_parameters_to_context(t->codec, st->codecpar);
		if (ret < 0) return ret;
		t->codec->pkt_timebase = st->time_base;
		t->codec->thread_count = type == AVMEDIA_TYPE_VIDEO ? threads : 1;
		t->codec->max_pixels = MAX_PIXELS;
		return avcodec_open2(t->codec, *found, NULL);
	}
	return 0;
}

static int64_t ns(int64_t t, AVRational base) {
	return av_rescale_q(t, base, (AVRational){1, 1000000000});
}

// stream_end is where a stream should end by its header, in ns from the start of the file; 0 unknown.
static int64_t stream_end(const dfp_decoder *d, int index) {
	const AVStream *st = d->format->streams[index];
	if (st->duration == AV_NOPTS_VALUE || st->duration <= 0) return 0;
	int64_t begin = st->start_time == AV_NOPTS_VALUE ? 0 : ns(st->start_time, st->time_base) - ns(d->start, AV_TIME_BASE_Q);
	return begin + ns(st->duration, st->time_base);
}

static void describe(dfp_decoder *d, int audio, int video, const AVCodec *ac, const AVCodec *vc, dfp_info *info) {
	AVFormatContext *f = d->format;
	snprintf(info->format, sizeof info->format, "%s", f->iformat->name);
	int measured = f->duration != AV_NOPTS_VALUE && f->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE;
	if (f->duration != AV_NOPTS_VALUE) info->duration = ns(f->duration, AV_TIME_BASE_Q);
	info->other_audio = others(f, AVMEDIA_TYPE_AUDIO);
	info->other_video = others(f, AVMEDIA_TYPE_VIDEO);
	int64_t end = 0;
	if (d->audio.index >= 0) {
		const AVStream *st = f->streams[d->audio.index];
		snprintf(info->audio_codec, sizeof info->audio_codec, "%s", avcodec_get_name(st->codecpar->codec_id));
		info->rate = st->codecpar->sample_rate;
		info->channels = st->codecpar->ch_layout.nb_channels;
		if (audio) end = FFMAX(end, stream_end(d, d->audio.index));
	}
	if (d->video.index >= 0) {
		const AVStream *st = f->streams[d->video.index];
		snprintf(info->video_codec, sizeof info->video_codec, "%s", avcodec_get_name(st->codecpar->codec_id));
		info->width = st->codecpar->width;
		info->height = st->codecpar->height;
		info->rotation = rotation(st);
		AVRational r = st->avg_frame_rate.num ? st->avg_frame_rate : st->r_frame_rate;
		if (r.num > 0 && r.den > 0) info->frame_rate = av_q2d(r);
		if (video) end = FFMAX(end, stream_end(d, d->video.index));
	}
	// A duration of the whole file says nothing of a stream that ends early by design.
	int all = (audio || d->audio.index < 0) && (video || d->video.index < 0);
	// Matroska's duration counts from zero, not from where its first packet is.
	int64_t ahead = strncmp(f->iformat->name, "matroska", 8) ? 0 : ns(d->start, AV_TIME_BASE_Q);
	if (measured && (end || all)) info->declared = end ? end : info->duration - ahead;
}

static int open_format(dfp_decoder *d, const char *demuxers, char *error, int size) {
	uint8_t *buf = av_malloc(IO_BUFFER);
	d->io = buf ? avio_alloc_context(buf, IO_BUFFER, 0, d, io_read, NULL, io_seek) : NULL;
	d->format = d->io ? avformat_alloc_context() : NULL;
	if (!d->format) {
		say(error, size, "memory", AVERROR(ENOMEM));
		return -1;
	}
	d->format->pb = d->io;
	d->format->io_open = io_deny;
	d->format->flags |= AVFMT_FLAG_CUSTOM_IO;
	AVDictionary *options = NULL;
	av_dict_set(&options, "format_whitelist", demuxers, 0);
	av_dict_set(&options, "protocol_whitelist", "none", 0);
	int ret = avformat_open_input(&d->format, NULL, NULL, &options);
	av_dict_free(&options);
	if (ret < 0) { // d->format is freed
		say(error, size, "not a recording that can be read", ret);
		return -1;
	}
	ret = avformat_find_stream_info(d->format, NULL);
	if (ret < 0) say(error, size, "streams", ret);
	return ret;
}

dfp_decoder *dfp_open(
	int fd, const char *demuxers, int audio, int video, int threads, dfp_info *info, char *error, int size) {
	av_log_set_level(AV_LOG_QUIET);
	memset(info, 0, sizeof *info);
	dfp_decoder *d = av_mallocz(sizeof *d);
	if (!d) return NULL;
	d->fd = fd;
	d->audio.index = d->video.index = -1;
	if (open_format(d, demuxers, error, size) < 0) goto fail;
	d->start = d->format->start_time == AV_NOPTS_VALUE ? 0 : d->format->start_time;
	d->packet = av_packet_alloc();
	d->frame = av_frame_alloc();
	d->gray = av_frame_alloc();
	if (!d->packet || !d->frame || !d->gray) {
		say(error, size, "memory", AVERROR(ENOMEM));
		goto fail;
	}
	const AVCodec *ac = NULL, *vc = NULL;
	int ret = open_track(d, &d->audio, AVMEDIA_TYPE_AUDIO, audio ? 1 : -1, &ac);
	if (ret >= 0) ret = open_track(d, &d->video, AVMEDIA_TYPE_VIDEO, video ? threads : -1, &vc);
	if (ret < 0) {
		say(error, size, "decoder", ret);
		goto fail;
	}
	describe(d, audio, video, ac, vc, info);
	for (unsigned i = 0; i < d->format->nb_streams; i++) {
		int wanted = ((int)i == d->audio.index && d->audio.codec) || ((int)i == d->video.index && d->video.codec);
		d->format->streams[i]->discard = wanted ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
	}
	return d;
fail:
	dfp_close(d);
	return NULL;
}

void dfp_pictures(dfp_decoder *d) {
	d->pictures = 1;
}

void dfp_close(dfp_decoder *d) {
	if (!d) return;
	avcodec_free_context(&d->audio.codec);
	avcodec_free_context(&d->video.codec);
	avformat_close_input(&d->format);
	if (d->io) av_freep(&d->io->buffer);
	avio_context_free(&d->io);
	av_packet_free(&d->packet);
	av_frame_free(&d->frame);
	av_frame_free(&d->gray);
	sws_freeContext(d->sws);
	av_freep(&d->pcm);
	av_freep(&d->sums);
	av_freep(&d->plane);
	av_free(d);
}

// --- decoded frames ---

// convert turns one channel of a frame into floats, full scale 1; step is the distance between samples.
static int convert(float *dst, const uint8_t *data, enum AVSampleFormat format, int offset, int step, int n) {
#define SAMPLES(type, expression)                                                                                             \
	{                                                                                                                         \
		const type *p = (const type *)data + offset;                                                                          \
		for (int i = 0; i < n; i++, p += step) dst[i] = (expression);                                                         \
		return 0;                                                                                                             \
	}
	switch (format) {
	case AV_SAMPLE_FMT_U8: SAMPLES(uint8_t, (*p - 128) / 128.f)
	case AV_SAMPLE_FMT_S16: SAMPLES(int16_t, *p / 32768.f)
	case AV_SAMPLE_FMT_S32: SAMPLES(int32_t, *p / 2147483648.f)
	case AV_SAMPLE_FMT_S64: SAMPLES(int64_t, *p / 9223372036854775808.f)
	case AV_SAMPLE_FMT_FLT: SAMPLES(float, *p)
	case AV_SAMPLE_FMT_DBL: SAMPLES(double, *p)
	default: return AVERROR(ENOSYS);
	}
#undef SAMPLES
}

static int sound(dfp_decoder *d, dfp_block *b) {
	const AVFrame *f = d->frame;
	int channels = f->ch_layout.nb_channels, n = f->nb_samples;
	if (channels < 1 || channels > MAX_CHANNELS || n < 1 || f->sample_rate < 1) return AVERROR_INVALIDDATA;
	av_fast_malloc(&d->pcm, &d->pcm_size, sizeof *d->pcm * channels * (size_t)n);
	if (!d->pcm) return AVERROR(ENOMEM);
	int planar = av_sample_fmt_is_planar(f->format);
	enum AVSampleFormat packed = av_get_packed_sample_fmt(f->format);
	for (int c = 0; c < channels; c++) {
		int ret = planar ? convert(d->pcm + (size_t)c * n, f->extended_data[c], packed, 0, 1, n)
		                 : convert(d->pcm + (size_t)c * n, f->extended_data[0], packed, c, channels, n);
		if (ret < 0) return ret;
	}
	b->kind = DFP_AUDIO;
	b->rate = f->sample_rate;
	b->channels = channels;
	b->samples = n;
	b->pcm = d->pcm;
	return 0;
}

// gray converts a frame whose luma cannot be read as it is (RGB, palette, bits) into d->gray.
static int gray(dfp_decoder *d, const AVPixFmtDescriptor *desc, enum AVPixelFormat *format) {
	AVFrame *f = d->frame, *g = d->gray;
	*format = desc->comp[0].depth > 8 ? AV_PIX_FMT_GRAY16LE : AV_PIX_FMT_GRAY8;
	d->sws = sws_getCachedContext(
		d->sws, f->width, f->height, f->format, f->width, f->height, *format, SWS_BICUBIC | SWS_ACCURATE_RND, NULL, NULL, NULL);
	if (!d->sws) return AVERROR(ENOSYS);
	if (g->width != f->width || g->height != f->height || g->format != *format) {
		av_frame_unref(g);
		g->width = f->width;
		g->height = f->height;
		g->format = *format;
		int ret = av_frame_get_buffer(g, 0);
		if (ret < 0) return ret;
	}
	return sws_scale(d->sws, (const uint8_t *const *)f->data, f->linesize, 0, f->height, g->data, g->linesize);
}

static int picture(dfp_decoder *d, dfp_block *b) {
	const AVFrame *f = d->frame;
	enum AVPixelFormat format = f->format;
	const AVPixFmtDescriptor *desc = av_pix_fmt_desc_get(format);
	if (!desc || f->width < 1 || f->height < 1 || f->width > MAX_SIDE || f->height > MAX_SIDE) return AVERROR_INVALIDDATA;
	if (desc->flags & AV_PIX_FMT_FLAG_HWACCEL) return AVERROR(ENOSYS);
	int foreign = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_FLOAT;
	if (desc->flags & foreign || desc->comp[0].depth > 16 || !strncmp(desc->name, "xyz", 3)) {
		int ret = gray(d, desc, &format);
		if (ret < 0) return ret;
		f = d->gray;
		desc = av_pix_fmt_desc_get(format);
	}
	int strips = FFMIN(DFP_STRIPS, f->width);
	av_fast_malloc(&d->sums, &d->sums_size, sizeof *d->sums * f->height * (size_t)strips);
	if (!d->sums) return AVERROR(ENOMEM);
	const AVComponentDescriptor *y = &desc->comp[0];
	dfp_plane plane = {
		.data = f->data[y->plane] + y->offset, .stride = f->linesize[y->plane], .width = f->width, .height = f->height,
		.step = y->step, .shift = y->shift, .depth = y->depth, .big_endian = !!(desc->flags & AV_PIX_FMT_FLAG_BE),
	};
	dfp_luma_sums(&plane, strips, d->sums);
	if (d->pictures) {
		av_fast_malloc(&d->plane, &d->plane_size, (size_t)f->width * f->height);
		if (!d->plane) return AVERROR(ENOMEM);
		dfp_luma_bytes(&plane, d->plane);
		b->plane = d->plane;
	}
	b->kind = DFP_VIDEO;
	b->width = f->width;
	b->rows = f->height;
	b->strips = strips;
	b->peak = (1 << y->depth) - 1;
	b->sums = d->sums;
	return 0;
}

// --- the loop ---

// receive takes a frame from the decoder that is being drained. 1: block filled, 0: nothing more there, negative: error.
static int receive(dfp_decoder *d, dfp_block *b) {
	track *t = d->draining;
	int ret = avcodec_receive_frame(t->codec, d->frame);
	if (ret == AVERROR(EAGAIN) || ret == AVERROR_EOF) return 0;
	if (ret < 0) return ret;
	if (!d->format && (d->frame->decode_error_flags || d->frame->flags & AV_FRAME_FLAG_CORRUPT)) { // in part made up
		av_frame_unref(d->frame);
		return AVERROR_INVALIDDATA;
	}
	ret = t == &d->audio ? sound(d, b) : picture(d, b);
	int64_t pts = t == &d->audio ? d->frame->pts : d->frame->best_effort_timestamp;
	b->pts = DFP_NO_TIME;
	if (pts != AV_NOPTS_VALUE) b->pts = ns(pts, t->codec->pkt_timebase) - ns(d->start, AV_TIME_BASE_Q);
	if (b->pts > -1000 && b->pts < 0) b->pts = 0; // the start is rounded to a microsecond
	av_frame_unref(d->frame);
	return ret < 0 ? ret : 1;
}

// feed sends a packet, or NULL at the end, to a decoder, which is then to be drained.
static void feed(dfp_decoder *d, track *t, const AVPacket *packet) {
	if (packet && packet->flags & AV_PKT_FLAG_CORRUPT) d->damaged++;
	if (avcodec_send_packet(t->codec, packet) < 0 && packet) d->damaged++;
	d->draining = t;
}

// advance reads a packet or, after the last, flushes a decoder. 0: all done.
static int advance(dfp_decoder *d) {
	if (!d->flushing) {
		int ret = av_read_frame(d->format, d->packet);
		if (ret == AVERROR(EAGAIN)) return 1;
		if (ret >= 0) {
			track *t = d->packet->stream_index == d->audio.index ? &d->audio
			         : d->packet->stream_index == d->video.index ? &d->video : NULL;
			if (t && t->codec) feed(d, t, d->packet);
			av_packet_unref(d->packet);
			return 1;
		}
		if (ret != AVERROR_EOF) d->read_error = ret;
		else if (d->io->error < 0 && d->io->error != AVERROR_EOF) d->read_error = d->io->error;
	}
	while (d->flushing < 2) {
		track *t = d->flushing++ == 0 ? &d->audio : &d->video;
		if (t->codec) {
			feed(d, t, NULL);
			return 1;
		}
	}
	return 0;
}

void dfp_next(dfp_decoder *d, dfp_block *b, char *error, int size) {
	memset(b, 0, sizeof *b);
	*error = 0;
	for (int i = 0; i < IDLE_PACKETS; i++) {
		while (d->draining) {
			int ret = receive(d, b);
			if (ret > 0) return;
			if (ret == AVERROR(ENOMEM) || ret == AVERROR(ENOSYS)) {
				b->kind = DFP_FAIL;
				say(error, size, "decoder", ret);
				return;
			}
			if (ret < 0) d->damaged++;
			if (ret == 0) d->draining = NULL;
		}
		if (!advance(d)) {
			b->kind = DFP_END;
			if (d->read_error) say(error, size, "the file breaks off", d->read_error);
			else if (d->damaged) snprintf(error, size, "parts that are damaged and could not be decoded: %ld", d->damaged);
			return;
		}
	}
	b->kind = DFP_IDLE;
}

// --- packets that come one by one ---

dfp_decoder *dfp_live(const char *const *names, char *error, int size) {
	av_log_set_level(AV_LOG_QUIET);
	const AVCodec *codec = NULL;
	while (!codec && *names) codec = avcodec_find_decoder_by_name(*names++);
	dfp_decoder *d = codec ? av_mallocz(sizeof *d) : NULL;
	if (!d) {
		snprintf(error, size, "FFmpeg's libraries were built without this decoder");
		return NULL;
	}
	d->packet = av_packet_alloc();
	d->frame = av_frame_alloc();
	d->gray = av_frame_alloc();
	int audio = codec->type == AVMEDIA_TYPE_AUDIO;
	track *t = d->draining = audio ? &d->audio : &d->video;
	t->codec = avcodec_alloc_context3(codec);
	int ret = AVERROR(ENOMEM);
	if (d->packet && d->frame && d->gray && t->codec) {
		AVCodecContext *c = t->codec;
		c->pkt_timebase = (AVRational){1, 1000000000};
		c->thread_count = 1;
		c->flags |= AV_CODEC_FLAG_LOW_DELAY;
		c->max_pixels = MAX_LIVE_PIXELS;
		if (audio) {
			c->sample_rate = LIVE_RATE;
			av_channel_layout_default(&c->ch_layout, 1); // the decoder mixes two channels to one
		}
		ret = avcodec_open2(c, codec, NULL);
	}
	if (ret < 0) {
		say(error, size, "decoder", ret);
		dfp_close(d);
		return NULL;
	}
	return d;
}

void dfp_send(dfp_decoder *d, const uint8_t *data, int length, int64_t pts) {
	AVPacket *p = d->packet;
	if (length > 0) {
		if (av_new_packet(p, length) < 0) { // which adds the padding that decoders read beyond the end
			d->damaged++;
			return;
		}
		memcpy(p->data, data, length);
		p->pts = p->dts = pts;
	}
	if (avcodec_send_packet(d->draining->codec, length > 0 ? p : NULL) < 0 && length > 0) d->damaged++;
	av_packet_unref(p);
}

void dfp_take(dfp_decoder *d, dfp_block *b, char *error, int size) {
	memset(b, 0, sizeof *b);
	*error = 0;
	dfp_block last = *b;
	for (;;) {
		int ret = receive(d, b);
		if (ret == 0) {
			*b = last; // DFP_IDLE if there was none
			return;
		}
		if (ret == AVERROR(ENOMEM) || ret == AVERROR(ENOSYS)) {
			b->kind = DFP_FAIL;
			say(error, size, "decoder", ret);
			return;
		}
		if (ret < 0) {
			d->damaged++;
			if (ret != AVERROR_INVALIDDATA) return; // whatever it is, it must not go on for ever
			continue;
		}
		if (b->kind == DFP_AUDIO) return;
		last = *b; // of a picture in several spatial layers the last is whole
	}
}

long dfp_damaged(const dfp_decoder *d) {
	return d->damaged;
}
