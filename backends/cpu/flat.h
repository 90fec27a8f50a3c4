/* flat.h -- how `cpu` runs a function: a list of steps over memory that is laid out beforehand;
 * for this folder alone.
 *
 *   FlatPlan   a function, lowered for inputs of given shapes. Values that depend on constants
 *   alone
 *              are computed; views are addresses in the value that they view; elementwise ops
 *              are fused into one pass, or into the step before them; each other op is a step
 *              with a kernel of its own or the op's reference kernel
 *   FlatStep   a kernel, the slots that it reads and writes, and an ElemProgram for its results
 *   FlatRun    a run: the address of each value, the threads, scratch memory for kernels
 *
 * Values are slots of a Plan (plan.h). An fp16 value is fp16 in memory and fp32 in
 * registers, and is rounded where the result of its op is, so that a fused pass gives the
 * same numbers as its ops one after the other. */
#ifndef ANEC_FLAT_H
#define ANEC_FLAT_H

#include "../../ir/ops/eval.h"
#include "../vector/kernels.h"
#include "../backend.h"
#include "../plan/plan.h"

/* ---- elementwise programs ---------------------------------------------------------------- */

enum { ELEM_REGS = 48, ELEM_STEPS = 64, ELEM_INS = 24, ELEM_OUTS = 8 };

/* Where a register is loaded from. Dimensions are those of the op that reads it, merged where
 * possible; rank 0: one number for all elements. */
typedef struct {
    int slot; /* -1: from `table` */
    /* a constant of the plan; where rank is 0, repeated ELEM_BLOCK times */
    const float *table;
    DType dtype;
    int reg;
    bool dense; /* element i is element i of the slot */
    int rank;
    int64_t dim[MAX_RANK], stride[MAX_RANK];
} ElemIn;

typedef struct {
    uint8_t op, z, x, y, w;
    float a, b;
} ElemStep;

typedef struct {
    int slot; /* -1: the memory that register 0 was given in, as floats */
    DType dtype;
    int reg;
} ElemOut;

typedef struct ElemEnd ElemEnd;

/* A list of elementwise steps over registers. Register 0 is the result of the kernel that
 * the program ends, if there is one. */
typedef struct {
    int nin, nstep, nout, nreg;
    int64_t count; /* elements of all results */
    ElemIn in[ELEM_INS];
    ElemStep step[ELEM_STEPS];
    ElemOut out[ELEM_OUTS];
    /* where it is one of the commonest, which have a kernel (flat_end.c) */
    const ElemEnd *end;
    int block; /* channels side by side, where it is of twins (flat_pack.h); 0: it is not */
} ElemProgram;

/* ---- steps ------------------------------------------------------------------------------- */

typedef struct FlatPlan FlatPlan;
typedef struct FlatPacked FlatPacked;
typedef struct FlatKept FlatKept;
typedef struct FlatStep FlatStep;
typedef struct FlatRun FlatRun;

/* Control flow: the steps of blocks follow each other, and steps of these kinds jump. */
typedef enum {
    GO_ON,     /* no jump: the step computes */
    GO_TO,     /* jumps to `to` */
    GO_UNLESS, /* jumps unless the slot `test` is true; in a loop it counts turns */
    GO_FIRST   /* sets the count of turns to 0 */
} FlatWay;

struct FlatStep {
    const Step *step; /* the last op in it */
    int at;           /* its number in the body */
    int turn;         /* among those of this number: the lower runs before */
    /* NULL: the elementwise program alone */
    void (*run)(const FlatStep *s, FlatRun *r);
    /* in its place, of a kernel that can fail, which it reports */
    bool (*checks)(const FlatStep *s, FlatRun *r);
    const void *data;  /* the kernel's own */
    ElemProgram *elem; /* NULL: there is none */
    Call *refers;      /* the op's reference kernel: its call; NULL: kernels */
    bool asks;         /* ..and whether that asks the run's numbers what it may */
    FlatWay way;       /* GO_ON: what is above; else where the run goes on */
    int test, turns;   /* slot whose truth it asks; number of the loop, -1: none */
    int to;            /* op, and after ordering step, that it goes to */
    int past; /* the same where a loop or branch begins here: the one behind it; 0: none does */
    bool open;        /* while the plan is made: what follows may join elem */
    const char *how;  /* the algorithm, for --plan, */
    const char *ops;  /* and the ops in it */
    int nread, *read; /* roots that it reads and writes */
    int nwrite, *write;
    size_t lane_room,
        room; /* bytes of scratch memory: for each lane, and shared by all */
    double macs;
    size_t weights; /* bytes that it reads beside values */
};

/* Of the arena and of packed weights: kernels read whole vectors, past the end of what they
 * are of. */
enum { ALIGN = 64, SLACK = 256 };

typedef enum {
    ROOT_NONE,
    ROOT_ARENA,
    ROOT_CONST,
    ROOT_INPUT,
    ROOT_STATE,
    ROOT_RESULT
} RootKind;

/* What is known about a slot. The memory of a view is that of its root. */
typedef struct {
    const Type *type; /* NULL: it is not in this plan */
    int root;         /* itself, or the slot that it is a view of */
    int64_t offset;   /* in bytes, from the root's memory */
    /* its value, if that is known beforehand; NULL: a run computes it */
    const Tensor *known;
    /* of roots only: */
    RootKind kind;
    int index;           /* INPUT, STATE: the parameter; RESULT: the result */
    int written;         /* STATE: the last op so far that writes it; -1: none */
    size_t bytes, place; /* ARENA: where */
    /* a step reads whole vectors past its end, so the arena leaves room there */
    bool past;
    int first, last; /* the steps between which it is needed */
    int maker;       /* the step that makes it; -1: none */
    /* where it is just a transpose or a part of another slot: its strides there and its first
     * element; or NULL */
    const int64_t *lies;
    int lies_in;
    int64_t lies_at;
    Call *
        coded; /* compressed: the op that decodes it, which nothing needed so far; or NULL */
    int readers;      /* arguments and results that it is, */
    int zero_readers; /* and how many of these need only know that it is zeros */
    bool stored;      /* something needs it in memory (flat_again.c) */
    const Step *by;   /* the op that makes it; NULL: none */
    bool absent;      /* only its twin has been made */
    bool
        zeros; /* a literal of zeros, which nothing has read so far but what knows them */
} FlatSlot;

/* A loop. Values from before it that are read in it are needed until its end. */
typedef struct {
    int first, end; /* ops, and after ordering steps */
} FlatLoop;

/* Options of a plan. */
typedef struct {
    bool fused; /* ops are fused into steps; else each op is a step */
    /* without methods that are faster than a sum of products and less accurate */
    bool exact;
} FlatHow;

struct FlatPlan {
    Arena arena;
    const Plan *plan;
    const Kernels *kernels;
    const void *owner;
    FlatSlot *slot; /* those of plan, and as many twins */
    int nslot;
    bool again; /* values may be computed again by who reads them */
    FlatStep *step;
    int nstep;
    FlatLoop *loop; /* those inside others before them */
    int nloop;
    uint64_t *turns; /* by loop, of the run under way */
    size_t arena_bytes, lane_room, room;
    double macs;
    size_t packed;  /* bytes of weights that are packed for kernels */
    PlanStep *told; /* by step; NULL: nobody has asked so far (flat_tell.c) */
    CoreSpeed speed;
    FlatHow how;
    Tensor **held; /* tensors that the plan frees */
    int nheld, held_cap;
    Shape *in;    /* by parameter: the shape that it was made for */
    void *memory; /* arena_bytes, kept between runs */
    void *scratch;
    size_t scratch_bytes;
    char **base; /* by slot: its address in the current run */
    FlatPacked *big;
    int nbig, big_cap;
    FlatKept *kept; /* NULL: what is packed is this plan's alone */
};

/* ---- packed weights ---------------------------------------------------------------------- */

/* The order in which a kernel reads weights. */
typedef enum {
    PACK_COLUMNS, /* panels of columns of a matrix, */
    PACK_ROWS,    /* and of rows */
    PACK_TURNED,  /* those of a transposed convolution */
    PACK_DEPTH,   /* a vector of channels for each tap, */
    PACK_TAPS,    /* or one channel */
    PACK_DIRECT,  /* by runs of a convolution in blocks */
    PACK_WINO,    /* what Winograd's method makes of them */
    PACK_GATES,   /* panels of a recurrent layer, */
    PACK_NARROW   /* and of a convolution, for each tap */
} PackForm;

/* One such piece of memory. */
struct FlatPacked {
    void *at;
    size_t bytes;
    PackForm form;
    char *memory; /* where it was allocated; NULL: it lies in a file */
};

/* Memory of the plan for packed weights. *there: they lie in it, as another process has packed
 * them; else whoever asks packs them. */
void *flat_big(FlatPlan *p, size_t bytes, PackForm form, bool *there);

/* Where packed weights are kept between processes (flat_kept.c). */
typedef struct {
    const char *dir; /* BackendOptions.cache_dir */
    PhaseHook phase;
    pthread_mutex_t *lock; /* of the hook: one thread at a time calls it */
    Diag *diag;            /* for warnings */
} FlatKeeping;
/* Looks for what plans like p have packed, and has flat_big give it. */
void kept_find(FlatPlan *p, const FlatKeeping *how, const Func *f);
/* Keeps what p has packed, where nothing was found. */
void kept_put(FlatPlan *p, const FlatKeeping *how);
/* The next piece; NULL: it is not there. */
void *kept_next(FlatPlan *p, size_t bytes, PackForm form);
/* "hit": all of it was found; "first": nothing was looked for, since no program like it was
 * started before; "miss": it was not found, and is kept now; "off": it is not kept;
 * NULL: it is too little to be kept. */
const char *kept_word(const FlatPlan *p);
/* False, and reported: the file was changed while it was in use. */
bool kept_stayed(const FlatPlan *p, Diag *d);
void kept_free(FlatPlan *p);

struct FlatRun {
    FlatPlan *p;
    const Kernels *k;
    Team *team;
    Diag *diag;
    char *lanes, *room;           /* scratch */
    uint64_t seed, epoch, *draws; /* for random ops (plan.h) */
};

static inline char *flat_at(const FlatRun *r, int slot) { return r->p->base[slot]; }
static inline void *flat_lane(const FlatRun *r, int lane)
{
    return r->lanes + (size_t)lane * r->p->lane_room;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* An op that is being lowered, with its call, inferred from what is known of its arguments. */
typedef struct {
    FlatPlan *p;
    const Step *s;
    Call *c;
    ElemProgram *elem; /* for the results of the kernel, which may add to it */
    int reg;           /* the register of elem that has the result so far */
    int block;         /* as in elem */
    ParamId packed[4]; /* what the kernel has packed, and reads no more */
    int npacked;
} FlatLower;

/* The slot of an argument; -1: it is absent. */
int step_slot(const Step *s, ParamId p);
int lower_slot(const FlatLower *l, ParamId p);
/* The op of a kind that makes a slot, which one argument alone reads; NULL: it is another, or not so. */
const Step *step_of(const FlatPlan *p, int slot, int kind);
/* Whether there are loops or branches among the ops. */
bool flat_blocks(const Steps *b);
/* Whether all that a step reads is still what it was where that step stands: what takes it over runs
 * where a later op stands, and a state may have been written since. */
bool step_stays(const FlatPlan *p, const FlatStep *s);
/* The kernel has packed an argument, and reads it no more. */
static inline void lower_packs(FlatLower *l, ParamId p) { l->packed[l->npacked++] = p; }
/* The value of an argument; NULL: it is not known before the run. */
const Tensor *lower_known(const FlatLower *l, ParamId p);
static inline bool dtype_fast(DType t) { return t == DT_FP32 || t == DT_FP16; }
/* n floats of a known tensor from element `first` on */
void flat_floats(const Tensor *t, size_t first, size_t n, float *dst);

/* Lower an op to a step: set run, data and room, or return false where the kernel cannot do
 * it. The result of the kernel is register 0 of the step's elementwise program. */
typedef bool LowerFn(FlatLower *l, FlatStep *s);
LowerFn lower_matmul, lower_linear, lower_conv, lower_pool, lower_softmax, lower_reduce,
    lower_layer_norm, lower_attention, lower_conv_transpose;
/* An op on all elements of rows and a number that is made of the same row (flat_rows.c). */
bool rows_by_suits(const FlatLower *l);
LowerFn lower_rows_by;
/* Whether a step is a softmax over rows, and of what slot. */
bool rows_softmax(const FlatStep *s, int *x_slot);
/* The same for ops whose results do not come in the order of their elements; they write
 * their results themselves, and have no elementwise program. */
LowerFn lower_recurrent, lower_move, lower_gather, lower_scatter;

/* ---- the column FAST of the op table: how cpu computes an op ------------------------------
 *
 * It has one of elem, rows and whole; without any the reference kernel runs. */
/* Makes a step of blocks of channels (flat_layout.c); false: it cannot, and nothing is made. */
typedef struct Make Make;
typedef bool BlockedFn(Make *m, FlatLower *l);
BlockedFn layout_conv, layout_pool;

typedef struct {
    int elem;        /* 1 + the ElemOp that it is; 0: it is no elementwise op */
    ParamId x, y, w; /* the operands of the ElemOp, */
    ParamId a, b;    /* and its numbers; P_NONE: 0 and `high` */
    float high;
    bool exact;  /* the result of fp16 operands needs no rounding */
    bool truths; /* it takes bools too, though it is not exact */
    bool (*choose)(const FlatLower *l,
                   ElemOp *op); /* picks the ElemOp; false: there is none */
    /* adds several elementwise steps; returns the register of the result, or -1 */
    int (*add)(const FlatLower *l, ElemProgram *e, int x);
    /* makes its result in the order of its elements, so later ops can be fused */
    LowerFn *rows;
    LowerFn *whole;     /* writes its results itself */
    BlockedFn *blocked; /* makes it in blocks of channels, where its operands are so */
    ParamId coded;      /* an argument that it may read as it is compressed */
    ParamId zeros;      /* one of which it need only know that it is zeros */
    ParamId typed;      /* one of which the type alone counts */
} FastRow;
const FastRow *fast_of(const Op *op);
bool power_of(const FlatLower *l, ElemOp *op);
bool gelu_of(const FlatLower *l, ElemOp *op);
bool tile_of(const FlatLower *l, ElemOp *op);
bool cast_of(const FlatLower *l, ElemOp *op);
int add_batch_norm(const FlatLower *l, ElemProgram *e, int x);
int add_prelu(const FlatLower *l, ElemProgram *e, int x);

/* Merges dimensions that all of n sides walk as one, and drops those of size 1; how many are left.
 * stride: of each side, by dimension. */
int dims_merge(int rank, int64_t *dim, int n, int64_t *const *stride);
/* The concat of halves that are turned pairs; false: they are not. */
bool lower_rope(FlatLower *l, FlatStep *s, const StepArg *values, int axis);

/* Adds an elementwise op to e. False: it is no elementwise op, or e is full; e is unchanged
 * then. reg_of(ctx, slot) returns a register of e that has the value, or -1. */
bool elem_add(FlatLower *l, ElemProgram *e, int (*reg_of)(void *ctx, int slot),
              void *ctx);
/* A register that is loaded from a table, broadcast along [outer, n, inner]: element i is
 * table[i / inner % n]. */
int elem_table(FlatPlan *p, ElemProgram *e, const float *table, int64_t n, int64_t inner);
/* A register that is loaded like this, and one that a step makes; -1: e is full, or an operand is
 * -1. */
int elem_input(ElemProgram *e, const ElemIn *in);
int elem_step(ElemProgram *e, ElemOp op, int x, int y, int w, float a, float b);
/* Sets l->reg to op(l->reg, register y), not rounded. False: y is -1, or e is full. */
bool lower_then(FlatLower *l, ElemOp op, int y);
/* Adds the argument for bias, [n] along [outer, n, inner]; false: it is not known. */
bool lower_bias(FlatLower *l, int64_t n, int64_t inner);
/* Rounds l->reg and makes it result `index` of the op. */
bool lower_result(FlatLower *l, int index);
/* The program of a step, with what it makes of `slot` left where it is handed over; NULL: it does not
 * make that. */
const ElemProgram *elem_kept(FlatPlan *p, const FlatStep *s, int slot);
/* Leaves out what no result needs. */
void elem_trim(ElemProgram *e);
/* Runs e for elements first .. first + n - 1, n up to ELEM_BLOCK. given: register 0, which is
 * overwritten. */
void elem_run(const ElemProgram *e, const FlatRun *r, int64_t first, size_t n,
              float *given);
/* The same for any n, in blocks. */
void elem_run_row(const ElemProgram *e, const FlatRun *r, int64_t first, int64_t n,
                  float *given);
/* `rows` rows of `cols` elements, which begin at first, first + apart, first + 2 apart and so
 * on. */
typedef struct {
    int64_t first, apart, rows, cols;
} ElemBlock;
/* Makes the SumsEnd that does e for a block in one pass, where e is one of the commonest and any
 * kernel can do it; false: it is not. */
enum { END_ROWS = 128 };
typedef struct {
    float row[END_ROWS];
} EndRoom;
bool elem_end(const ElemProgram *e, const FlatRun *r, ElemBlock b, EndRoom *room,
              SumsEnd *s);
/* The same of those that Kernels.end does. */
bool elem_end_any(const ElemProgram *e, const FlatRun *r, ElemBlock b, EndRoom *room,
                  SumsEnd *s);
/* Runs e for a block, with the sums in c, whose rows are ldc apart. */
void elem_run_block(const ElemProgram *e, const FlatRun *r, ElemBlock b, float *c,
                    int64_t ldc);
/* Sets e->end, when e is complete. */
void elem_find_end(FlatPlan *p, ElemProgram *e);
/* Whether that is so for each block of twins, and the numbers that are added, if any, are known,
 * one for each channel. */
bool elem_ends_blocks(const ElemProgram *e);
void elem_run_all(const FlatStep *s, FlatRun *r);

/* n floats from element `first` of a slot of type t on; converted into `room`, or, where the
 * slot has floats, just their address. */
const float *flat_row(const FlatRun *r, int slot, DType t, int64_t first, size_t n,
                      float *room);

/* ---- plans ------------------------------------------------------------------------------- */

/* Makes the plan of a function for parameters of the shapes `in`. False, without a message:
 * it has values of unknown shapes, lists or strings, or it has blocks and is not to be
 * fused. *out is set before anything else, so that the plan can be freed where memory runs
 * out; its memory follows `owner` (mem_follow). keep NULL: packed weights are not kept. */
bool flat_new(FlatPlan **out, const void *owner, const Plan *plan, const Func *f,
              const Kernels *k, const Shape *in, FlatHow how, const FlatKeeping *keep);
void flat_free(FlatPlan *p);
/* Its steps, with the time that each takes at least on this machine, which is measured once; and a copy
 * of all that is told of them, in the arena. */
PlanStep *flat_told(FlatPlan *p);
void flat_tell(FlatPlan *p, Arena *a, Placings *out);
/* Runs the steps, all of whose slots have their addresses; and one of them, which computes. False:
 * it failed, and has been reported, or was ended. */
bool flat_run(FlatRun *r, const RunOptions *opt);
bool flat_run_step(FlatRun *r, const FlatStep *s);
/* Lays out the arena: gives each root a place, by the steps that read and write it. */
void flat_place(FlatPlan *p);
/* Lowers an op to a step that runs its reference kernel; and runs such a step. */
void flat_refer(FlatLower *l, FlatStep *s);
bool flat_call(const FlatStep *s, FlatRun *r);

/* ---- a plan while it is made: ops by flat_make.c, blocks and states by flat_block.c ------ */

struct Make {
    FlatPlan *p;
    const Func *f;
    /* for errors that the run reports, which then walks the function like ref */
    Diag quiet;
    int now; /* the number of the current op, in which ops of blocks count too */
    int nstep, cap;
    int settled; /* steps before this one are not open any more */
    bool twins;  /* values may have twins */
    Arena scratch;
};

/* Lowers all ops of a block. False: one of them is not possible in a plan. */
bool make_block(Make *m, const Steps *b);
/* Lowers op i of b, a kind of op that is no call; its number is m->now. */
typedef bool MakeFn(Make *m, const Steps *b, int i);
extern MakeFn *const make_others[OP_COUNT];

/* Large values that are computed again where they are read (flat_again.c). Notes which of them the ops
 * of b need in memory, before they are lowered. */
void again_count(FlatPlan *p, const Steps *b);
/* The register of e in which a slot's value is computed; -1: it is to be loaded. */
int again_value(FlatPlan *p, ElemProgram *e, int slot);
/* A program that makes it where register 0 is given; NULL: it is to be loaded. */
ElemProgram *again_program(FlatPlan *p, int slot);

/* Appends a step for the op s. */
FlatStep *make_step(Make *m, const Step *s);
/* An elementwise op, as a step or in one; and one by a kernel that makes its result in the
 * order of its elements. */
bool make_elementwise(Make *m, FlatLower *l);
/* A sum with what was added to zeros where indices name it: that is added to the other operand
 * where it is (flat_gather.c). False: the op is no such sum, or others read that operand. */
bool make_scattered(Make *m, FlatLower *l);
bool make_kernel(Make *m, FlatLower *l, LowerFn *lower);
/* A transpose of what an attention has made is how that lays out its result; false: there is no such. */
bool attention_turned(Make *m, const FlatLower *l);
void make_outs(Make *m, const Step *s, const Call *c, int maker);
/* A tensor that the plan frees. */
Tensor *flat_hold(FlatPlan *p);
/* A literal's value is known from here on. */
bool make_literal(Make *m, int slot);
/* Constants while a plan is made (flat_weights.c). */
void weights_count(FlatPlan *p, const Steps *b); /* who reads what */
/* The result of c is decoded when something reads it; false: it is no such op. */
bool weights_wait(Make *m, const Step *s, Call *c);
/* The result of c is zeros, of which their readers need only know that; false: it is not. */
bool weights_zeros(Make *m, const Step *s, Call *c);
bool weights_decode(Make *m, int slot); /* now; false: it fails */
/* What the file of an argument has in memory is given back, since it has been read; and, where
 * nothing else needs it, what is there of the argument otherwise. */
void weights_read(const FlatLower *l, ParamId param);
void weights_packed(const FlatLower *l, ParamId param);
/* The slot is memory of the plan; maker: the step whose elementwise program makes it, or -1. */
void make_out(Make *m, int slot, const Type *t, int maker);
/* What reads a value that an open step makes ends that step, unless it is `but`, which s
 * joins. */
void make_close(Make *m, const Step *s, int but);
/* Ends all steps: what follows runs at another time. */
void make_settle(Make *m);

#endif
