/* flat.h -- how `cpu` runs a function: steps over memory whose places are known beforehand.
 *
 *   FlatPlan   a function whose inputs have the shapes of one run, lowered: what can be computed
 *              from constants is, views are places in what they view, elementwise ops are
 *              one pass together, or the end of the step before them; everything else is a
 *              kernel's step or the op's reference kernel
 *   FlatStep   a kernel, what it reads and writes, and an ElemProgram for its results
 *   FlatRun    a run under way: where each value is, the threads, room for the kernels
 *
 * Values are slots of a Plan (plan.h). A value of an fp16 tensor is fp16 in memory and fp32 in
 * registers, rounded where its op's result is: a fused pass gives what its ops
 * would, one after the other. */
#ifndef ANEC_FLAT_H
#define ANEC_FLAT_H

#include "../../ir/ops/eval.h"
#include "../vector/kernels.h"
#include "../backend.h"
#include "../plan/plan.h"

/* ---- elementwise programs ---------------------------------------------------------------- */

enum { ELEM_REGS = 48, ELEM_STEPS = 64, ELEM_INS = 24, ELEM_OUTS = 8 };

/* Where a register is loaded from. Dimensions are those of the op that reads it, merged
 * where they can be; rank 0: one number for all. */
typedef struct {
    int slot;           /* -1: `table` */
    const float *table; /* a constant of the plan: ELEM_BLOCK times where rank is 0 */
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
    int slot; /* -1: the memory that register 0 is handed over in, as floats */
    DType dtype;
    int reg;
} ElemOut;

typedef struct ElemEnd ElemEnd;

/* Register 0 is what the step before it hands over, where there is one. */
typedef struct {
    int nin, nstep, nout, nreg;
    int64_t count; /* elements of all results */
    ElemIn in[ELEM_INS];
    ElemStep step[ELEM_STEPS];
    ElemOut out[ELEM_OUTS];
    const ElemEnd *end; /* it is one of the commonest, flat_end.c; NULL: it is none */
    int block; /* channels side by side, where it is of twins (flat_pack.h); 0: it is not */
} ElemProgram;

/* ---- steps ------------------------------------------------------------------------------- */

typedef struct FlatPlan FlatPlan;
typedef struct FlatStep FlatStep;
typedef struct FlatRun FlatRun;

/* Blocks are steps in a row: a branch goes past those of the block that is not taken, a loop from
 * its end back to its condition. */
typedef enum {
    GO_ON,
    GO_TO,     /* always */
    GO_UNLESS, /* unless the slot is true; in a loop each truth is a turn, and they have a limit */
    GO_FIRST /* no turn was made yet */
} FlatWay;

struct FlatStep {
    const Step *step; /* the last op in it */
    int at;           /* its number in the body */
    int turn;         /* among those of this number: the lower runs before */
    /* NULL: the elementwise program alone */
    void (*run)(const FlatStep *s, FlatRun *r);
    const void *data;  /* the kernel's own */
    ElemProgram *elem; /* NULL: there is none */
    Call *refers;      /* the op's reference kernel: its call; NULL: kernels */
    bool asks;         /* ..and whether that asks the run's numbers what it may */
    FlatWay way;       /* GO_ON: what is above; else where the run goes on */
    int test, turns;   /* slot whose truth it asks; number of the loop, -1: none */
    int to;            /* op, and after ordering step, that it goes to */
    bool open;         /* while the plan is made: what follows may join elem */
    const char *how;   /* the algorithm, for --plan, */
    const char *ops;   /* and the ops in it */
    int nread, *read;  /* roots that it reads and writes */
    int nwrite, *write;
    size_t lane_room, room; /* bytes of scratch: of each lane, of all together */
    double macs;
};

/* Of the arena and of packed weights: kernels read whole vectors, past the end of what they are of. */
enum { ALIGN = 64, SLACK = 256 };

typedef enum {
    ROOT_NONE,
    ROOT_ARENA,
    ROOT_CONST,
    ROOT_INPUT,
    ROOT_STATE,
    ROOT_RESULT
} RootKind;

/* What is known of a slot. A view has the place of its root. */
typedef struct {
    const Type *type;    /* NULL: it is not in this plan */
    int root;            /* itself, or what it is a view of */
    int64_t offset;      /* bytes from there */
    const Tensor *known; /* computed beforehand, or a literal; NULL: it is of a run */
    /* of roots: */
    RootKind kind;
    int index;           /* INPUT, STATE: the parameter; RESULT: the result */
    size_t bytes, place; /* ARENA: where */
    bool past;       /* a step reads whole vectors beyond its end, where the arena has room */
    int first, last; /* steps of its life */
    int maker;       /* the step (or group under way) that makes it, -1: none */
    /* of what is only a transpose of another slot: strides there, in elements; NULL: it is none */
    const int64_t *turned;
    int turned_of;
    const Step *by; /* the op that makes it, where it has a twin */
    bool absent;    /* and no step has made it but its twin */
} FlatSlot;

/* What is there when a loop begins and read in it stays until it ends. */
typedef struct {
    int first, end; /* ops, and after ordering steps */
} FlatLoop;

/* What a plan is wanted for. */
typedef struct {
    bool fused; /* else op by op */
    bool exact; /* without what is faster than a sum of products and further from it */
} FlatHow;

struct FlatPlan {
    Arena arena;
    const Plan *plan;
    const Kernels *kernels;
    const void *owner;
    FlatSlot *slot; /* those of plan, and as many twins */
    int nslot;
    FlatStep *step;
    int nstep;
    FlatLoop *loop; /* those inside others before them */
    int nloop;
    uint64_t *turns; /* by loop, of the run under way */
    size_t arena_bytes, lane_room, room;
    double macs;
    size_t packed; /* bytes of weights in the kernels' order */
    FlatHow how;
    Tensor **held; /* tensors that are the plan's to free */
    int nheld, held_cap;
    Shape *in;    /* by parameter: what it was made for */
    void *memory; /* arena_bytes, kept between runs */
    void *scratch;
    size_t scratch_bytes;
    char **base; /* by slot: where it is in the run under way */
    char **big;  /* weights in the kernels' order: memory of the plan */
    int nbig, big_cap;
};

struct FlatRun {
    FlatPlan *p;
    const Kernels *k;
    Team *team;
    Diag *diag;
    char *lanes, *room;           /* scratch */
    uint64_t seed, epoch, *draws; /* of random ops: plan.h */
};

static inline char *flat_at(const FlatRun *r, int slot) { return r->p->base[slot]; }
static inline void *flat_lane(const FlatRun *r, int lane)
{
    return r->lanes + (size_t)lane * r->p->lane_room;
}

/* ---- lowering ---------------------------------------------------------------------------- */

/* An op about to be lowered: its call, inferred, with all that is known of its
 * arguments. */
typedef struct {
    FlatPlan *p;
    const Step *s;
    Call *c;
    ElemProgram *elem; /* of what the kernel makes: it may add to it */
    int reg;           /* the register of elem that has the result so far */
    int block;         /* as in elem */
} FlatLower;

/* The slot of an argument; -1: it is absent. */
int lower_slot(const FlatLower *l, ParamId p);
/* Its value, where it is known before the run; NULL: it is not */
const Tensor *lower_known(const FlatLower *l, ParamId p);
static inline bool dtype_fast(DType t) { return t == DT_FP32 || t == DT_FP16; }
/* Memory of the plan that weights are packed into, counted as such. */
void *flat_big(FlatPlan *p, size_t bytes);
/* n floats of a known tensor from element `first` on */
void flat_floats(const Tensor *t, size_t first, size_t n, float *dst);

/* Kernels: each fills in run, data and room, and says whether it can. What they make goes
 * through the elementwise program, register 0. */
typedef bool LowerFn(FlatLower *l, FlatStep *s);
LowerFn lower_matmul, lower_linear, lower_conv, lower_pool, lower_softmax, lower_reduce,
    lower_layer_norm, lower_attention, lower_conv_transpose;
/* Whether a step is a softmax over rows, and of what slot. */
bool rows_softmax(const FlatStep *s, int *x_slot);
/* The same for what has several results, or none in order: they fill in write, and no program. */
LowerFn lower_lstm, lower_move;

/* ---- what is fast: the column FAST of the op table ----------------------------------------
 *
 * One of elem, rows and whole, or none of them: the reference kernel is run. */
typedef struct {
    int elem;        /* 1 + the ElemOp that it is, element by element; 0: none */
    ParamId x, y, w; /* the operands of that */
    ParamId a, b;    /* and its numbers; P_NONE: 0 and high */
    float high;
    bool exact;  /* the result of fp16 operands needs no rounding */
    bool truths; /* of bools too, though it is not exact */
    bool (*choose)(const FlatLower *l, ElemOp *op); /* by the settings; false: it is none */
    int (*add)(const FlatLower *l, ElemProgram *e,
               int x); /* more steps than one; a register or -1 */
    LowerFn *rows; /* makes its result in the order of its elements, for what follows to join */
    LowerFn *whole; /* writes its results where they are */
} FastRow;
const FastRow *fast_of(const Op *op);
bool power_of(const FlatLower *l, ElemOp *op);
bool gelu_of(const FlatLower *l, ElemOp *op);
bool cast_of(const FlatLower *l, ElemOp *op);
int add_batch_norm(const FlatLower *l, ElemProgram *e, int x);
int add_prelu(const FlatLower *l, ElemProgram *e, int x);

/* Adds an elementwise op to e. False: it is none, or there is no room; e is then as it
 * was. reg_of(ctx, slot): a register of e that has the value, or -1. */
bool elem_add(FlatLower *l, ElemProgram *e, int (*reg_of)(void *ctx, int slot), void *ctx);
/* A register that is loaded from a table of the plan, [outer, n, inner] repeated: element i is
 * table[i / inner % n]. */
int elem_table(FlatPlan *p, ElemProgram *e, const float *table, int64_t n, int64_t inner);
/* l->reg becomes op of itself and register y (-1: there was no room), not rounded. */
bool lower_then(FlatLower *l, ElemOp op, int y);
/* The same for the parameter bias, [n] along [outer, n, inner]; false: it is not known. */
bool lower_bias(FlatLower *l, int64_t n, int64_t inner);
/* Ends what a kernel makes: rounded, it is result `index` of the op. */
bool lower_result(FlatLower *l, int index);
/* Runs e for elements first .. first + n - 1, n up to ELEM_BLOCK. given: what register 0 holds;
 * it is overwritten. */
void elem_run(const ElemProgram *e, const FlatRun *r, int64_t first, size_t n, float *given);
/* All n, in blocks. */
void elem_run_row(const ElemProgram *e, const FlatRun *r, int64_t first, int64_t n,
                  float *given);
/* Rows of elements: `cols` from first on, `cols` from first + apart on, .. */
typedef struct {
    int64_t first, apart, rows, cols;
} ElemBlock;
/* What ends the sums of a block in one pass, where e is one of the commonest; false: it is none. */
enum { END_ROWS = 128 };
typedef struct {
    float row[END_ROWS];
} EndRoom;
bool elem_end(const ElemProgram *e, const FlatRun *r, ElemBlock b, EndRoom *room, SumsEnd *s);
/* Runs e for them, of what c holds, whose rows are ldc apart. */
void elem_run_block(const ElemProgram *e, const FlatRun *r, ElemBlock b, float *c, int64_t ldc);
/* Sets e->end, once nothing is added to e any more. */
void elem_find_end(FlatPlan *p, ElemProgram *e);
void elem_run_all(const FlatStep *s, FlatRun *r);

/* n floats from element `first` of a slot of dtype t, into room where they are not floats that
 * lie there. */
const float *flat_row(const FlatRun *r, int slot, DType t, int64_t first, size_t n,
                      float *room);

/* ---- plans ------------------------------------------------------------------------------- */

/* False, and nothing is reported: this function has values of unknown shapes, lists or
 * strings, or blocks and is wanted op by op (not fused). `in`: shapes of the parameters. *out
 * holds the plan from the start, so that it can be freed when memory runs out under it;
 * owner: what memory of it follows (mem_follow). */
bool flat_new(FlatPlan **out, const void *owner, const Plan *plan, const Func *f,
              const Kernels *k, const Shape *in, FlatHow how);
void flat_free(FlatPlan *p);
/* Gives roots of the arena their places, by the steps that read and write them. */
void flat_place(FlatPlan *p);
/* The reference kernel of an op as a step, and running it. */
void flat_refer(FlatLower *l, FlatStep *s);
bool flat_call(const FlatStep *s, FlatRun *r);

/* ---- a plan while it is made: flat.c calls, flat_block.c blocks and states --------------- */

typedef struct {
    FlatPlan *p;
    const Func *f;
    Diag quiet; /* what cannot be lowered is said by the run that walks it */
    int now;    /* the number of the op at work, those in blocks counted along */
    int nstep, cap;
    int settled; /* steps before this one are no more open */
    bool twins;  /* values may have twins */
    Arena scratch;
} Make;

/* All ops of a block. False: there is something that no plan can have. */
bool make_block(Make *m, const Steps *b);
/* Op i of b, where it is no call; its number is m->now. */
typedef bool MakeFn(Make *m, const Steps *b, int i);
extern MakeFn *const make_others[OP_COUNT];

/* A new step, of op s. */
FlatStep *make_step(Make *m, const Step *s);
/* An elementwise op, as a step or in one; and one by a kernel that makes its result in the order
 * of its elements. */
bool make_elementwise(Make *m, FlatLower *l);
bool make_kernel(Make *m, FlatLower *l, LowerFn *lower);
/* A tensor that the plan frees. */
Tensor *flat_hold(FlatPlan *p);
/* A literal's value is known from here on. */
bool make_literal(Make *m, int slot);
/* The slot is memory of the plan; maker: the step whose elementwise program makes it, or -1. */
void make_out(Make *m, int slot, const Type *t, int maker);
/* What reads a value that an open step makes ends that step, unless it is `but`, which s joins. */
void make_close(Make *m, const Step *s, int but);
/* Ends all steps: what follows runs at another time. */
void make_settle(Make *m);

#endif
