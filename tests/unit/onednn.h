/* onednn.h -- products and convolutions by the backend cpu beside oneDNN's, for the test that has it
 * as an oracle and for `make bench`, where it is a peer.
 *
 *   Beside b;
 *   beside_new(&b, &(BesideShape){ .n = 64, .c = 256, .out = 256 }, false);
 *   beside_ours(&b, 1, false); // the result is beside_result(&b)
 *   beside_peer(&b, true);     // of this, b.y
 *   beside_free(&b);
 *
 * Only where the build has found oneDNN (Debian's libdnnl-dev), which defines ANEC_DNNL. */
#ifndef ANEC_TEST_ONEDNN_H
#define ANEC_TEST_ONEDNN_H

#include "program_gen.h"

#include "../../backends/backend.h"

/* side 0: the product of x [n, c] and a matrix [out, c]; otherwise a convolution of x [n, c, high,
 * wide] with windows of side x side, padded by `pad`. */
typedef struct {
    const char *name;
    int64_t n, c, out;
    int64_t high, wide, side, step, pad, groups;
} BesideShape;

typedef struct BesidePeer BesidePeer;

typedef struct {
    Gen g;
    BesideShape shape;
    Program *ours;
    Binding in;
    Tensor w, y; /* the weights, and the peer's result */
    BesidePeer *peer;
    double macs;
    int64_t depth; /* products in a sum */
} Beside;

/* Fails the test where either side cannot. Numbers are drawn; as_sizes: without their signs. */
void beside_new(Beside *b, const BesideShape *s, bool as_sizes);
void beside_free(Beside *b);

void beside_ours(Beside *b, int threads, bool exact);
const Tensor *beside_result(const Beside *b);

/* from_plain: x is brought into the peer's own layout before, and its result out of it; weights
 * are so from the start. */
void beside_peer(Beside *b, bool from_plain);

#endif
