/* lower_source.c -- files that the program or the command line names for all weights:
 * .safetensors and others, alone, in a folder or listed in an index, or .npy files by a
 * pattern. The tensors of all files are in one table. */
#include "lower.h"

#include <string.h>

/* ---- files ------------------------------------------------------------------------------- */

/* A tensor that is in the table already could be either of two: nobody else can tell which is
 * meant. */
static bool add_tensor(Lower *l, Loc loc, const char *as, const char *file,
                       const SafeTensor *t)
{
    WeightSource *s = &l->source;
    const char *name = module_name(l->m, as);
    const Val *old = env_get(&s->names, name);
    if (old)
        return diag_error(
            l->diag, loc,
            "the tensor %s lies in %s and in %s: one of them is to be left out", name,
            s->stored[old->u.i].file, file);
    ARENA_ROOM(&l->arena, s->stored, s->count, s->room);
    env_set(l, &s->names, name, val_int((int64_t)s->count));
    s->stored[s->count++] = (StoredTensor){ .name = name, .tensor = t, .file = file };
    return true;
}

static bool add_file(Lower *l, Loc loc, const char *full)
{
    SafeTensors file;
    if (!weight_tensors(l, loc, full, &file)) return false;
    for (size_t i = 0; i < file.count; i++)
        if (!add_tensor(l, loc, file.tensor[i].name, file.path, &file.tensor[i]))
            return false;
    return true;
}

/* It is opened when a weight reads it. */
static bool add_npy(Lower *l, Loc loc, const char *full)
{
    const char *base = file_base(full);
    return add_tensor(l, loc, text_arg(l, "%.*s", (int)strlen(base) - 4, base), full,
                      NULL);
}

/* A file of a checkpoint's folder; NULL: it leaves the folder, or is a link and may not be. */
static const char *file_of_folder(Lower *l, Loc loc, const char *dir, const char *name)
{
    return file_join_linked(&l->arena, l->diag, loc, dir, name, l->opt->follow_links);
}

/* What the index says must be so: a download that was broken off is noticed here. */
static bool check_places(Lower *l, Loc loc, const Shards *x, const char *dir)
{
    const WeightSource *s = &l->source;
    for (size_t i = 0; i < x->count; i++) {
        const ShardPlace *p = &x->place[i];
        const Val *at = env_get(&s->names, module_name(l->m, p->tensor));
        const char *is = at ? s->stored[at->u.i].file : NULL;
        const char *full = file_of_folder(l, loc, dir, p->file);
        if (!full) return false;
        if (!is)
            return diag_error(l->diag, loc,
                              "%s: tensor %s should lie in %s, which has no such tensor",
                              x->path, p->tensor, p->file);
        if (strcmp(is, full) != 0)
            return diag_error(l->diag, loc,
                              "%s: tensor %s should lie in %s, but lies in %s", x->path,
                              p->tensor, p->file, is);
    }
    return true;
}

static bool add_index(Lower *l, Loc loc, const char *full)
{
    Mapped text;
    Shards x;
    const char *dir = file_dir(&l->arena, full);
    if (!file_read(l->diag, full, &text)) return false;
    bool ok = shards_parse(&l->arena, l->diag, loc, full, &text, &x);
    file_unmap(&text);
    for (size_t i = 0; ok && i < x.files; i++) {
        const char *shard = file_of_folder(l, loc, dir, x.file[i]);
        if (shard && !file_exists(shard))
            return diag_error(l->diag, loc,
                              "%s names the file %s, which is not beside it", full,
                              x.file[i]);
        ok = shard && add_file(l, loc, shard);
    }
    return ok && check_places(l, loc, &x, dir);
}

/* All files of this kind; *n: so many. */
static bool add_files(Lower *l, Loc loc, const char *dir, const char *ending, size_t *n)
{
    const bool npy = !strcmp(ending, ".npy");
    size_t all;
    const char **name = folder_names(&l->arena, dir, &all);
    *n = 0;
    for (size_t i = 0; name && i < all; i++) {
        if (!file_has_suffix(name[i], ending)) continue;
        const char *full = file_of_folder(l, loc, dir, name[i]);
        if (!full || !(npy ? add_npy : add_file)(l, loc, full)) return false;
        ++*n;
    }
    return true;
}

/* The files of the index where there is one, else all .safetensors, or else all .gguf, or all
 * .npy. */
static bool add_folder(Lower *l, Loc loc, const char *dir)
{
    size_t n, files = 0;
    const char *index = NULL, **name = folder_names(&l->arena, dir, &n);
    if (!name) return diag_fail(l->diag, "cannot read the folder %s", dir);
    for (size_t i = 0; i < n; i++) {
        if (!file_has_suffix(name[i], ".safetensors.index.json")) continue;
        if (index)
            return diag_error(l->diag, loc, "%s has two index files, %s and %s: name one",
                              dir, index, name[i]);
        index = name[i];
    }
    if (index) {
        const char *full = file_of_folder(l, loc, dir, index);
        return full && add_index(l, loc, full);
    }
    if (!add_files(l, loc, dir, ".safetensors", &files)) return false;
    if (!files && !add_files(l, loc, dir, ".gguf", &files)) return false;
    if (!files && !add_files(l, loc, dir, ".npy", &files)) return false;
    return files > 0
        || diag_error(l->diag, loc,
                      "there is no .safetensors, .gguf or .npy file in the folder %s",
                      dir);
}

static bool names_file(const char *name)
{
    return weight_file_of(name) >= 0 || file_has_suffix(name, ".index.json");
}

static bool add_path(Lower *l, Loc loc, const char *full)
{
    if (file_is_dir(full)) return add_folder(l, loc, full);
    return file_has_suffix(full, ".json") ? add_index(l, loc, full)
                                          : add_file(l, loc, full);
}

/* ---- who names them ---------------------------------------------------------------------- */

/* Paths on the command line are the user's own: they may lead anywhere. */
void open_named_weights(Lower *l)
{
    WeightSource *s = &l->source;
    s->named = s->files = l->opt->nfrom > 0;
    s->as = "{path}";
    for (int i = 0; i < l->opt->nfrom && !s->failed; i++) {
        const char *path = l->opt->from[i];
        if (!file_exists(path))
            s->failed = !diag_error(l->diag, (Loc){ 0 },
                                    "--weights: there is no file or folder %s", path);
        else if (!file_is_dir(path) && !names_file(path))
            s->failed = !diag_error(
                l->diag, (Loc){ 0 },
                "--weights takes a .safetensors, .gguf or .bin file, the .index.json of "
                "several, or a folder of them, not %s",
                path);
        else s->failed = !add_path(l, (Loc){ 0 }, path);
        s->path = i ? text_arg(l, "%s and %s", s->path, path) : path;
    }
}

static bool open_source(Lower *l, const Node *n, const char *name)
{
    WeightSource *s = &l->source;
    const Loc loc = n->a->loc;
    if (file_has_suffix(name, ".npy")) {
        s->npy = name;
        return strstr(name, "{path}")
            || lower_error(l, loc,
                           "one .npy holds one weight: the name needs {path} in it");
    }
    const char *full = file_join_linked(&l->arena, l->diag, loc, l->root, name,
                                        l->opt->follow_links);
    if (!full) return false;
    if (!names_file(name) && !file_is_dir(full))
        return lower_error(
            l, loc,
            "weights come from a .safetensors, .gguf or .bin file, the .index.json of several, a "
            "folder of them, or .npy files");
    if (!file_exists(full)) return lower_error(l, loc, "there is no file %s", full);
    s->path = file_is_dir(full) ? name : file_base(full);
    return add_path(l, loc, full);
}

/* Where the command line names files, the program still says what their tensors are called. */
void set_weight_source(Lower *l, const Node *n)
{
    WeightSource *s = &l->source;
    if (s->decl) {
        lower_error(l, n->loc, "`weights` stands here a second time");
        return;
    }
    s->decl = n;
    s->init = n->c;
    if (n->c) return;
    s->files = true;
    s->as = n->b ? n->b->u.s : "{path}";
    Val file = eval(l, n->a, NULL);
    if (file.kind != V_STRING && file.kind != V_POISON)
        lower_error(l, n->a->loc, "the name of a file is needed, not %s",
                    val_kind(l, file));
    if (file.kind != V_STRING) s->failed = true;
    else if (!s->named) s->failed = !open_source(l, n, file.u.s);
}

/* ---- tensors ----------------------------------------------------------------------------- */

static StoredTensor *stored_find(Lower *l, const char *name)
{
    const Val *at = env_get(&l->source.names, module_name(l->m, name));
    return at ? &l->source.stored[at->u.i] : NULL;
}

/* What checkpoints of torch call the library's weights. */
static const char *const torch_names[][2] = { { "w", "weight" },
                                              { "b", "bias" },
                                              { "g", "weight" } };

/* The path with its last name as torch has it; NULL: torch has none for it. */
static const char *torch_path(Lower *l, const char *path)
{
    const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    for (size_t i = 0; i < COUNT(torch_names); i++)
        if (!strcmp(torch_names[i][0], last))
            return text_arg(l, "%.*s%s", (int)(last - path), path, torch_names[i][1]);
    return NULL;
}

/* What a .gguf of a Llama calls the weights of examples/stories110m.anedsl: in a block, or
 * beside the blocks. */
static const char *const gguf_names[][2] = {
    { "attn.wq", "attn_q" },        { "attn.wk", "attn_k" },
    { "attn.wv", "attn_v" },        { "attn.wo", "attn_output" },
    { "mlp.w1", "ffn_gate" },       { "mlp.w2", "ffn_down" },
    { "mlp.w3", "ffn_up" },         { "rms_att", "attn_norm" },
    { "rms_ffn", "ffn_norm" },      { "g1", "attn_norm" },
    { "g2", "ffn_norm" },           { "embedding", "token_embd" },
    { "rms_final", "output_norm" }, { "head.w", "output" },
};

/* "blocks.3.attn.wq" is "blk.3.attn_q.weight"; NULL: it has no such name. */
static const char *gguf_path(Lower *l, const char *path)
{
    const char *number = strchr(path, '.'), *rest = path, *block = "";
    const size_t n = number ? strspn(number + 1, "0123456789") : 0;
    if (n && number[n + 1] == '.') {
        rest = number + n + 2;
        block = text_arg(l, "blk.%.*s.", (int)n, number + 1);
    }
    for (size_t i = 0; i < COUNT(gguf_names); i++)
        if (!strcmp(gguf_names[i][0], rest))
            return text_arg(l, "%s%s.weight", block, gguf_names[i][1]);
    return NULL;
}

/* ---- what was probably meant ------------------------------------------------------------- */

enum { NEAR = 3, UNREAD = 10 };

/* `'a', 'b' or 'c'`, and how many more there are. */
static const char *quoted(Lower *l, const char *last, const char *const *name, size_t n,
                          size_t of)
{
    const char *all = "";
    for (size_t i = 0; i < n; i++)
        all = text_arg(l, "%s%s'%s'", all, !i ? "" : i + 1 == of ? last : ", ", name[i]);
    return of > n ? text_arg(l, "%s and %zu more", all, of - n) : all;
}

/* The tensors are called as they should be, behind a prefix that the program does not say. */
static const char *with_prefix(Lower *l, const char *name)
{
    const WeightSource *s = &l->source;
    const char *end = text_arg(l, ".%s", name);
    for (size_t i = 0; i < s->count; i++) {
        const char *have = s->stored[i].name;
        if (!file_has_suffix(have, end)) continue;
        return text_arg(l, "; it has '%s': write `weights from \"..\" as \"%.*s%s\"`",
                        have, (int)(strlen(have) - strlen(name)), have, s->as);
    }
    return NULL;
}

static const char *with_near(Lower *l, const char *name)
{
    const WeightSource *s = &l->source;
    const char **all = NEW_ARRAY(&l->arena, s->count + 1, const char *), *near[NEAR],
               *end;
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->stored[i].reader) continue;
        all[i] = s->stored[i].name;
        end = text_arg(l, ".%s", all[i]);
        if (!n && file_has_suffix(name, end)) near[n++] = all[i];
    }
    for (const char *next;
         n < NEAR && (next = name_nearest(name, all, s->count)) != NULL;) {
        for (size_t i = 0; i < s->count; i++)
            if (all[i] == next) all[i] = NULL;
        if (!n || near[0] != next) near[n++] = next;
    }
    return n ? text_arg(l, "; did you mean %s?", quoted(l, " or ", near, n, n)) : NULL;
}

static const char *with_shape(Lower *l, const Type *t)
{
    const WeightSource *s = &l->source;
    const char *name[NEAR];
    size_t of = 0;
    for (size_t i = 0; i < s->count; i++) {
        const SafeTensor *x = s->stored[i].tensor;
        if (!x || s->stored[i].reader) continue;
        const Shape shape = shape_of(x->rank, x->shape);
        if (!shape_equal(&shape, &t->shape)) continue;
        if (of < NEAR) name[of] = s->stored[i].name;
        of++;
    }
    return of ? text_arg(l, "; unread tensors of its shape: %s",
                         quoted(l, ", ", name, of < NEAR ? of : NEAR, of))
              : "";
}

/* Of many weights that find none the first ones are kept, and only these are worth a search. */
static void tell_missed(Lower *l, Loc loc, const char *name, const char *torch,
                        const Type *t)
{
    WeightSource *s = &l->source;
    const bool kept = !diag_full(l->diag);
    const char *hint = kept ? with_prefix(l, name) : "";
    if (!hint && torch) hint = with_prefix(l, torch);
    if (!hint) hint = with_near(l, name);
    if (!hint && torch) hint = with_near(l, torch);
    if (!hint) hint = with_shape(l, t);
    diag_error(l->diag, lower_blame(l, loc), "%s has no tensor '%s' among its %zu%s",
               s->path, name, s->count, hint);
    s->missed++;
}

/* Of a model beside main, the path of the weight that it shares with main; NULL: of main. */
static const char *own_path(const Lower *l, const char *path)
{
    const char *model = l->model_path ? l->model_path : "";
    const size_t n = strlen(model);
    return n && !strncmp(path, model, n) && path[n] == '.' ? path + n + 1 : NULL;
}

/* The tensor of this path, or of the path in torch's or a .gguf's words where there is only
 * that; NULL: an error. */
static StoredTensor *tensor_of(Lower *l, Loc loc, const char *path, const Type *type)
{
    const WeightSource *s = &l->source;
    const char *name = weight_name(l, s->as, path), *torch = torch_path(l, path);
    const char *gguf = gguf_path(l, path);
    StoredTensor *t = stored_find(l, name);
    if (!t && own_path(l, path))
        t = stored_find(l, weight_name(l, s->as, own_path(l, path)));
    if (torch) torch = weight_name(l, s->as, torch);
    if (!t && torch) t = stored_find(l, torch);
    if (!t && gguf) t = stored_find(l, weight_name(l, s->as, gguf));
    if (!t) tell_missed(l, loc, name, torch, type);
    return t;
}

/* Notes who reads a tensor; two that read one are hardly meant, since each has a path of its
 * own. */
static const Const *read_stored(Lower *l, Loc loc, const char *path, const Type *t)
{
    StoredTensor *from = tensor_of(l, loc, path, t);
    if (!from) return NULL;
    const Const *c = from->tensor
                       ? weight_of_tensor(l, loc, path, t, from->tensor, from->file, NULL)
                       : weight_of_npy(l, loc, path, t, from->file, NULL);
    if (!c) return NULL;
    const bool own = own_path(l, path)
                  && strcmp(from->name, weight_name(l, l->source.as, path));
    if (own) from->reader = from->reader ? from->reader : path;
    else if (from->reader)
        diag_warn(
            l->diag, WARN_SHARED_TENSOR, loc,
            "weights %s and %s are both read from the tensor %s: {path} in the name behind `as` "
            "stands for a weight's own",
            from->reader, path, from->name);
    else from->reader = path;
    return c;
}

const Const *source_const(Lower *l, Loc loc, const Type *t, const char *path)
{
    const WeightSource *s = &l->source;
    if (s->failed) return NULL;
    if (s->npy) {
        const char *full = weight_inside(l, loc, weight_name(l, s->npy, path));
        return full ? weight_of_npy(l, loc, path, t, full, NULL) : NULL;
    }
    return read_stored(l, loc, path, t);
}

/* How many batches torch's norm has seen is no news: no model computes with it. */
static bool is_unread(const StoredTensor *t)
{
    return !t->reader && !file_has_suffix(t->name, ".num_batches_tracked");
}

void tell_unread(Lower *l)
{
    const WeightSource *s = &l->source;
    const Loc loc = s->decl && !s->named ? s->decl->loc : (Loc){ 0 };
    const char *name[UNREAD];
    size_t unread = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (!is_unread(&s->stored[i])) continue;
        if (unread < UNREAD) name[unread] = s->stored[i].name;
        if (unread++ < UNREAD && !s->missed)
            diag_warn(l->diag, WARN_UNREAD_TENSOR, loc,
                      "no weight reads the tensor %s of %s", s->stored[i].name,
                      file_base(s->stored[i].file));
    }
    if (s->missed && unread)
        diag_note(l->diag, loc, "%zu weight%s no tensor; no weight reads %s", s->missed,
                  s->missed > 1 ? "s find" : " finds",
                  quoted(l, " and ", name, unread < UNREAD ? unread : UNREAD, unread));
    else if (unread > UNREAD)
        diag_warn(l->diag, WARN_UNREAD_TENSOR, loc,
                  "no weight reads %zu more tensors of %s", unread - UNREAD, s->path);
}
