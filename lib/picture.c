/* picture.c -- images: PNG files by libpng, arrays of pixels, and tensors of both.
 *
 * libpng reports errors by longjmp. Two functions catch that, decode and encode; variables
 * that they share with their callers are not in their frames. */
#include "tensor_io.h"

#include <math.h>
#include <string.h>

/* ---- PNG --------------------------------------------------------------------------------- */

#ifdef ANEC_PNG

#include <png.h>
#include <setjmp.h>

enum { MAX_SIDE = 1 << 20, MAX_CHUNK = 16 << 20 };

typedef struct {
    png_structp png;
    png_infop info;
    const unsigned char *at, *end; /* what is read */
    Buf out;                       /* what is written */
    const Described *want;         /* NULL: as it is */
    Picture *picture;
    png_bytep *row;
    bool other_size;
    const char *refused; /* what it has that pixels as they are do not */
    int alpha;           /* samples of a pixel, with alpha; 0: none has */
    char why[160];
} PictureWork;

static void on_error(png_structp png, png_const_charp text)
{
    PictureWork *w = png_get_error_ptr(png);
    snprintf(w->why, sizeof w->why, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

/* libpng's memory is the call's, so that it is given back when memory runs out. */
static png_voidp take_memory(png_structp png, png_alloc_size_t n)
{
    (void)png;
    return mem_alloc(n);
}

static void give_memory(png_structp png, png_voidp p)
{
    (void)png;
    mem_free(p);
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    PictureWork *w = png_get_io_ptr(png);
    if (n > (size_t)(w->end - w->at)) png_error(png, "the file is cut off");
    memcpy(to, w->at, n);
    w->at += n;
}

static void write_bytes(png_structp png, png_bytep from, size_t n)
{
    PictureWork *w = png_get_io_ptr(png);
    buf_add(&w->out, from, n);
}

static void no_flush(png_structp png) { (void)png; }

/* Samples of 8 bits, or of 16 where the image has more; grey or colours, and alpha if there is
 * one. */
static void ask_samples(PictureWork *w)
{
    const int type = png_get_color_type(w->png, w->info),
              depth = png_get_bit_depth(w->png, w->info);
    const bool deep = w->want && depth == 16 && w->want->pixels == PIXELS_GRAY16;
    png_set_expand(w->png);
    if (depth == 16 && !deep) png_set_scale_16(w->png);
    if (deep) png_set_swap(w->png);
    png_set_interlace_handling(w->png);
    png_read_update_info(w->png, w->info);
    const int samples = png_get_channels(w->png, w->info);
    w->picture->channels = type & PNG_COLOR_MASK_COLOR ? 3 : 1;
    w->picture->bits = deep ? 16 : 8;
    w->alpha = samples > w->picture->channels ? samples : 0;
}

static bool make_rows(PictureWork *w)
{
    Picture *p = w->picture;
    const size_t each = png_get_rowbytes(w->png, w->info),
                 n = (size_t)p->size[SIDE_HEIGHT];
    size_t bytes;
    if (!size_mul(each, n, &bytes)) return false;
    p->data = mem_alloc(bytes + 1);
    w->row = mem_zero(n + 1, sizeof *w->row);
    if (!p->data || !w->row) return false;
    for (size_t i = 0; i < n; i++) w->row[i] = (png_bytep)p->data + i * each;
    return true;
}

/* Numbers that were scaled, or that stand for colours, are not what a mask's maker wrote. */
static const char *pixels_refused(const PictureWork *w)
{
    const int depth = png_get_bit_depth(w->png, w->info);
    if (png_get_color_type(w->png, w->info) == PNG_COLOR_TYPE_PALETTE) return "a palette";
    if (depth == 16) return "16 bits a sample";
    return depth == 8 ? NULL : "less than 8 bits a sample";
}

static bool picture_decode(PictureWork *w)
{
    w->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, w, on_error, on_warning,
                                      NULL, take_memory, give_memory);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    snprintf(w->why, sizeof w->why, "there is no memory for it");
    if (!w->info || setjmp(png_jmpbuf(w->png))) return false;
    png_set_user_limits(w->png, MAX_SIDE, MAX_SIDE);
    png_set_chunk_malloc_max(w->png, MAX_CHUNK);
    png_set_read_fn(w->png, w, read_bytes);
    png_read_info(w->png, w->info);
    w->picture->size[SIDE_WIDTH] = png_get_image_width(w->png, w->info);
    w->picture->size[SIDE_HEIGHT] = png_get_image_height(w->png, w->info);
    if (w->want) w->other_size = !described_size_fits(w->want, w->picture->size);
    else w->refused = pixels_refused(w);
    if (w->other_size || w->refused) return true; /* nothing of it is read */
    ask_samples(w);
    if (!make_rows(w)) return false;
    png_read_image(w->png, w->row);
    png_read_end(w->png, NULL);
    return true;
}

static bool picture_encode(PictureWork *w)
{
    const Picture *p = w->picture;
    w->png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, w, on_error, on_warning,
                                       NULL, take_memory, give_memory);
    w->info = w->png ? png_create_info_struct(w->png) : NULL;
    snprintf(w->why, sizeof w->why, "there is no memory for it");
    if (!w->info || setjmp(png_jmpbuf(w->png))) return false;
    png_set_write_fn(w->png, w, write_bytes, no_flush);
    png_set_IHDR(w->png, w->info, (png_uint_32)p->size[SIDE_WIDTH],
                 (png_uint_32)p->size[SIDE_HEIGHT], p->bits,
                 p->channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(w->png, w->info);
    if (p->bits == 16) png_set_swap(w->png);
    const size_t each = (size_t)p->size[SIDE_WIDTH] * (size_t)(p->channels * p->bits / 8);
    for (int64_t y = 0; y < p->size[SIDE_HEIGHT]; y++)
        png_write_row(w->png, (png_bytep)p->data + (size_t)y * each);
    png_write_end(w->png, NULL);
    return true;
}

/* Takes the alpha channel off; false: a pixel is not opaque. */
static bool drop_alpha(PictureWork *w)
{
    Picture *p = w->picture;
    const size_t size = (size_t)p->bits / 8, from = (size_t)w->alpha * size,
                 to = (size_t)p->channels * size;
    const size_t n = w->alpha ? (size_t)p->size[0] * (size_t)p->size[1] : 0;
    unsigned char *s = p->data;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = to; k < from; k++)
            if (s[i * from + k] != 0xff) return false;
        memmove(s + i * to, s + i * from, to);
    }
    return true;
}

bool picture_has_png(void) { return true; }

bool picture_write(const Picture *p, Diag *d, const char *path)
{
    Picture copy = *p;
    PictureWork w = { .picture = &copy };
    bool ok = picture_encode(&w);
    if (!ok) diag_fail(d, "%s cannot be made: %s", path, w.why);
    if (w.png) png_destroy_write_struct(&w.png, &w.info);
    ok = ok && file_write_all(d, path, w.out.s, w.out.len);
    buf_free(&w.out);
    return ok;
}

static bool read_png(PictureWork *w, Diag *d, const char *path)
{
    Mapped map;
    if (!file_map(d, path, &map)) return false;
    w->at = map.data;
    w->end = map.data ? map.data + map.size : NULL;
    const bool ok = picture_decode(w);
    if (w->png) png_destroy_read_struct(&w->png, &w->info, NULL);
    mem_free(w->row);
    file_unmap(&map);
    if (ok && w->refused)
        return diag_error(
            d, (Loc){ 0 },
            "%s has %s: pixels are taken of 8 bits a sample, grey or red, green "
            "and blue; write it anew so",
            path, w->refused);
    if (ok && !w->other_size && !drop_alpha(w))
        return diag_error(d, (Loc){ 0 },
                          "%s has transparent pixels: put it on a background first",
                          path);
    return ok
        || diag_error(d, (Loc){ 0 }, "%s is no PNG that can be read: %s", path, w->why);
}

#else

typedef struct {
    const Described *want;
    Picture *picture;
    bool other_size;
} PictureWork;

bool picture_has_png(void) { return false; }

bool picture_write(const Picture *p, Diag *d, const char *path)
{
    (void)p;
    return diag_error(d, (Loc){ 0 }, "%s cannot be written: this build is without libpng",
                      path);
}

static bool read_png(PictureWork *w, Diag *d, const char *path)
{
    (void)w;
    return diag_error(
        d, (Loc){ 0 },
        "%s cannot be read: this build is without libpng; an array of uint8 [height, "
        "width, channels] in a .npy is taken as well",
        path);
}

#endif

/* ---- pixels ------------------------------------------------------------------------------ */

bool picture_other_size(Diag *d, const char *path, const char *name,
                        const int64_t size[2], const Described *want)
{
    Buf may = { 0 };
    described_sizes(want, &may);
    diag_error(d, (Loc){ 0 },
               "%s is %lld x %lld pixels (width x height), but the image %s is %s", path,
               (long long)size[0], (long long)size[1], name, may.s);
    buf_free(&may);
    return false;
}

static double picture_sample(const Picture *p, size_t i)
{
    return p->bits == 16 ? ((const uint16_t *)p->data)[i] / 257.0
                         : ((const uint8_t *)p->data)[i];
}

/* A picture without colours that is stored with them becomes one channel; false: it has
 * some. */
static bool make_grey(Picture *p)
{
    const size_t n = (size_t)p->size[0] * (size_t)p->size[1], size = (size_t)p->bits / 8;
    unsigned char *s = p->data;
    for (size_t i = 0; p->channels == 3 && i < n; i++) {
        const unsigned char *at = s + 3 * i * size;
        if (memcmp(at, at + size, size) != 0 || memcmp(at, at + 2 * size, size) != 0)
            return false;
        memmove(s + i * size, at, size);
    }
    p->channels = 1;
    return true;
}

bool picture_read(Picture *p, Diag *d, const char *path, const char *name,
                  const Described *want)
{
    PictureWork w = { .want = want, .picture = p };
    *p = (Picture){ 0 };
    bool ok = read_png(&w, d, path);
    if (ok && w.other_size) ok = picture_other_size(d, path, name, p->size, want);
    else if (ok && pixels_channels(want->pixels) == 1 && !make_grey(p))
        ok = diag_error(d, (Loc){ 0 },
                        "%s has colours, and the image %s is %s: make it grey first",
                        path, name, pixels_name(want->pixels));
    if (ok) return true;
    mem_free(p->data);
    *p = (Picture){ 0 };
    return false;
}

bool picture_read_plain(Picture *p, Diag *d, const char *path)
{
    PictureWork w = { .picture = p };
    *p = (Picture){ 0 };
    if (read_png(&w, d, path)) return true;
    mem_free(p->data);
    *p = (Picture){ 0 };
    return false;
}

bool picture_to_tensor(const Picture *p, Diag *d, const Described *want, DType as,
                       Tensor *out)
{
    const int n = pixels_channels(want->pixels);
    const Shape s = SHAPE(1, n, p->size[SIDE_HEIGHT], p->size[SIDE_WIDTH]);
    const size_t plane = (size_t)p->size[0] * (size_t)p->size[1];
    if (!tensor_alloc(out, d, as, &s)) return false;
    for (int c = 0; c < n; c++) {
        const int turned = want->pixels == PIXELS_BGR ? n - 1 - c : c;
        const size_t from = p->channels == 1 ? 0 : (size_t)turned,
                     step = (size_t)p->channels;
        for (size_t i = 0; i < plane; i++)
            tensor_set_float(out, (size_t)c * plane + i,
                             picture_sample(p, i * step + from));
    }
    return true;
}

bool pixels_to_tensor(const Tensor *t, Diag *d, const char *origin, const char *name,
                      const Described *want, DType as, Tensor *out)
{
    const Shape *s = &t->shape;
    const int n = pixels_channels(want->pixels);
    Arena a = { 0 };
    Picture p = { .channels = n, .bits = 8, .data = t->data };
    bool ok = t->dtype == DT_UINT8 && (s->rank == 3 || (s->rank == 2 && n == 1))
           && (s->rank == 2 || s->dim[2] == n);
    if (!ok)
        diag_error(d, (Loc){ 0 },
                   "%s holds %s %s; the image %s takes uint8 [height, width%s]", origin,
                   dtypes[t->dtype].name, shape_text(&a, s), name, n == 3 ? ", 3" : "");
    arena_free(&a);
    if (!ok) return false;
    p.size[SIDE_WIDTH] = s->dim[1];
    p.size[SIDE_HEIGHT] = s->dim[0];
    if (!described_size_fits(want, p.size))
        return picture_other_size(d, origin, name, p.size, want);
    return picture_to_tensor(&p, d, want, as, out);
}

/* ---- results ----------------------------------------------------------------------------- */

static unsigned picture_whole(double v, unsigned most)
{
    if (!(v > 0)) return 0;
    return v >= most ? most : (unsigned)nearbyint(v);
}

bool picture_of_tensor(Picture *p, Diag *d, const char *name, const Described *is,
                       const Tensor *t)
{
    const int n = pixels_channels(is->pixels);
    const Shape *s = &t->shape;
    if (t->is_list || s->rank != 4 || s->dim[0] != 1 || s->dim[1] != n || !t->count
        || s->dim[2] > INT32_MAX || s->dim[3] > INT32_MAX)
        return diag_error(d, (Loc){ 0 }, "the result %s is no image of %d channels", name,
                          n);
    const size_t plane = t->count / (size_t)n;
    const bool deep = is->pixels == PIXELS_GRAY16;
    *p = (Picture){ .size = { s->dim[3], s->dim[2] },
                    .channels = n,
                    .bits = deep ? 16 : 8 };
    p->data = mem_zero(t->count, 2);
    if (!p->data) mem_out(2 * t->count);
    for (int c = 0; c < n; c++) {
        const int turned = is->pixels == PIXELS_BGR ? n - 1 - c : c;
        for (size_t i = 0; i < plane; i++) {
            const double v = tensor_float(t, (size_t)c * plane + i);
            const size_t to = i * (size_t)n + (size_t)turned;
            if (deep) ((uint16_t *)p->data)[to] = (uint16_t)picture_whole(257 * v, 65535);
            else ((uint8_t *)p->data)[to] = (uint8_t)picture_whole(v, 255);
        }
    }
    return true;
}
