/* std_formulas.c -- the formulas of std_formulas.h. */
#include "std_formulas.h"

#include <math.h>
#include <stdbool.h>

static double normal_at(const double *x, int s, double eps, bool centred, int c,
                        double *size)
{
    /* Where all is denormal four roundings of half a unit of 2^-24 are of halves: 2^-22. */
    double mean = 0, square = 0, most = 0x1p-12;
    for (int i = 0; i < C; i++) mean += centred ? x[i * S + s] / C : 0;
    for (int i = 0; i < C; i++) {
        const double d = x[i * S + s] - mean;
        square += d * d / C;
        most = fmax(most, fabs(d));
    }
    const double root = sqrt(square + eps);
    *size = centred ? most / root : 0;
    return (x[c * S + s] - mean) / root;
}

void want_rms(Wanted *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = normal_at(o->in[0], i % S, 1e-5, false, i / S, &o->size[i]);
}

void want_layer(Wanted *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = normal_at(o->in[0], i % S, 1e-5, true, i / S, &o->size[i]);
}

/* Of four groups of channels; denormals as in normal_at. */
void want_group(Wanted *o)
{
    enum { GROUPS = 4, SIZE = N / GROUPS };
    for (int g = 0; g < GROUPS; g++) {
        const double *x = o->in[0] + g * SIZE;
        double mean = 0, square = 0, most = 0x1p-12;
        for (int i = 0; i < SIZE; i++) mean += x[i] / SIZE;
        for (int i = 0; i < SIZE; i++) square += (x[i] - mean) * (x[i] - mean) / SIZE;
        for (int i = 0; i < SIZE; i++) most = fmax(most, fabs(x[i] - mean));
        for (int i = 0; i < SIZE; i++) {
            o->want[g * SIZE + i] = (x[i] - mean) / sqrt(square + 1e-5);
            o->size[g * SIZE + i] = most / sqrt(square + 1e-5);
        }
    }
}

static double sigmoid_of(double x) { return 1 / (1 + exp(-x)); }

void want_sigmoid(Wanted *o)
{
    for (int i = 0; i < N; i++) o->want[i] = sigmoid_of(o->in[0][i]);
}

void want_relu6(Wanted *o)
{
    for (int i = 0; i < N; i++) o->want[i] = fmin(fmax(o->in[0][i], 0), 6);
}

void want_batch_norm(Wanted *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][i] / sqrt(1 + 1e-5);
}

void want_silu(Wanted *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][i] * sigmoid_of(o->in[0][i]);
}

void want_gelu(Wanted *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = o->in[0][i] / 2 * (1 + erf(o->in[0][i] / sqrt(2)));
}

void want_gelu_tanh(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        const double x = o->in[0][i];
        o->want[i] = x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    }
}

void want_gelu_sigmoid(Wanted *o)
{
    for (int i = 0; i < N; i++)
        o->want[i] = o->in[0][i] * sigmoid_of(1.702 * o->in[0][i]);
}

void want_swiglu(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        const double gate = o->in[0][i] * sigmoid_of(o->in[0][i]);
        o->want[i] = gate * o->in[1][i];
        o->size[i] = fmax(fabs(gate), 0x1p-14) * fabs(o->in[1][i]);
    }
}

void want_mean(Wanted *o)
{
    o->n = 1;
    for (int i = 0; i < N; i++) o->want[0] += o->in[0][i] / N;
}

void want_mse(Wanted *o)
{
    o->n = 1;
    for (int i = 0; i < N; i++) o->want[0] += pow(o->in[0][i] - o->in[1][i], 2) / N;
}

/* Targets that do not add up to 1. */
void want_entropy(Wanted *o)
{
    o->n = 1;
    for (int s = 0; s < S; s++) {
        double most = -INFINITY, sum = 0;
        for (int c = 0; c < C; c++) most = fmax(most, o->in[0][c * S + s]);
        for (int c = 0; c < C; c++) sum += exp(o->in[0][c * S + s] - most);
        for (int c = 0; c < C; c++) {
            const double z = o->in[0][c * S + s] - most - log(sum),
                         t = fabs(o->in[1][c * S + s]);
            o->want[0] -= t * z / S;
            o->size[0] = fmax(o->size[0], fabs(z));
        }
    }
}

static int class_at(int s) { return (s * 11 + 3) % C; }

void want_class_entropy(Wanted *o)
{
    o->n = 1;
    for (int s = 0; s < S; s++) {
        double most = -INFINITY, sum = 0;
        for (int c = 0; c < C; c++) most = fmax(most, o->in[0][c * S + s]);
        for (int c = 0; c < C; c++) sum += exp(o->in[0][c * S + s] - most);
        const double z = o->in[0][class_at(s) * S + s] - most - log(sum);
        o->want[0] -= z / S;
        o->size[0] = fmax(o->size[0], fabs(z));
    }
}

/* Rows of a table of 32. */
void want_embedding(Wanted *o)
{
    for (int i = 0; i < N; i++) o->want[i] = o->in[0][class_at(i / S) * S + i % S];
}

static double gain_at(int c) { return (double)(c % 5 - 2) / 4; }
static double bias_at(int c) { return (double)(c % 3 - 1) / 2; }

static void scale_features(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        o->want[i] = o->want[i] * gain_at(i / S) + bias_at(i / S);
        o->size[i] = fmax(o->size[i], 2);
    }
}

void want_layer_scaled(Wanted *o)
{
    want_layer(o);
    scale_features(o);
}

void want_rms_scaled(Wanted *o)
{
    want_rms(o);
    for (int i = 0; i < N; i++) o->want[i] *= gain_at(i / S);
}

void want_sgd(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        o->want[i] = o->in[0][i] - 0.01 * o->in[1][i];
        o->size[i] = 0.01 * fabs(o->in[1][i]);
    }
}

/* The first step, in which every element moves by 0.01 where its gradient is above eps. A state
 * has quanta of 2^-24, beside which eps stands divided by the root of the correction: 1e-4 /
 * sqrt(1000). */
void want_adam(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i];
        o->want[i] = o->in[0][i] - 0.01 * g / (fabs(g) + 1e-4);
        o->size[i] = 0.01 * (1 + 0x1p-24 / (1e-4 / sqrt(1000)) * 0x1p10);
    }
}

/* The mean of gradients after one step, from the mean before, c, and its share of the update. A
 * mean that fp16 cannot hold is a result that it cannot. Each of mu, lr, two products and two sums
 * is rounded, by half a unit of what is added up: less than 4 units; where all is denormal half a
 * unit is of 2^-24. */
static void step_momentum(Wanted *o, bool nesterov)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i], m = 0.9 * o->in[2][i] + g;
        const double step = nesterov ? g + 0.9 * m : m;
        o->want[i] = fabs(m) > 65504 ? INFINITY : o->in[0][i] - 0.01 * step;
        o->size[i] = 4 * 0.01 * (fabs(g) + fabs(o->in[2][i]) + 0x1p-12);
    }
}

void want_momentum(Wanted *o) { step_momentum(o, false); }
void want_nesterov(Wanted *o) { step_momentum(o, true); }

void want_lion(Wanted *o)
{
    for (int i = 0; i < N; i++) {
        const double g = o->in[1][i];
        o->want[i] = o->in[0][i] - 0.01 * ((g > 0) - (g < 0));
        o->size[i] = 0.01;
    }
}

void want_rope(Wanted *o)
{
    enum { HALF = C / 4 };
    for (int i = 0; i < N; i++) {
        const int c = i / S, s = i % S, f = c % HALF, head = c / (2 * HALF) * 2 * HALF;
        const double angle = s * pow(10000, -(double)f / HALF);
        const double a = o->in[0][(head + f) * S + s],
                     b = o->in[0][(head + f + HALF) * S + s];
        o->want[i] = c - head < HALF ? a * cos(angle) - b * sin(angle)
                                     : b * cos(angle) + a * sin(angle);
        o->size[i] = fabs(a) + fabs(b);
    }
}

static double kernel_at(int o, int c) { return (double)((o * 7 + c * 3) % 17 - 8) / 64; }

void want_linear(Wanted *o)
{
    for (int i = 0; i < N; i++)
        for (int c = 0; c < C; c++) {
            const double part = kernel_at(i / S, c) * o->in[0][c * S + i % S];
            o->want[i] += part;
            o->size[i] += fabs(part);
        }
}

void want_rope_pairs(Wanted *o)
{
    enum { HALF = C / 4 };
    for (int i = 0; i < N; i++) {
        const int c = i / S, s = i % S, f = c % (2 * HALF) / 2;
        const double angle = s * pow(10000, -(double)f / HALF);
        const double a = o->in[0][(c & ~1) * S + s], b = o->in[0][(c | 1) * S + s];
        o->want[i] = c % 2 ? b * cos(angle) + a * sin(angle)
                           : a * cos(angle) - b * sin(angle);
        o->size[i] = fabs(a) + fabs(b);
    }
}

/* Two heads; scores are of the queries in [-1, 1] alone, values are of every magnitude. */
static void attend(Wanted *o, bool causal)
{
    enum { SIZE = C / 2 };
    for (int i = 0; i < N; i++) {
        const int head = i / S / SIZE * SIZE, q = i % S;
        double weight[S], sum = 0;
        const int keys = causal ? q + 1 : S;
        for (int k = 0; k < keys; k++) {
            double score = 0;
            for (int c = 0; c < SIZE; c++)
                score += o->in[0][(head + c) * S + q] * o->in[1][(head + c) * S + k]
                       / sqrt(SIZE);
            sum += weight[k] = exp(score);
        }
        for (int k = 0; k < keys; k++)
            o->want[i] += weight[k] / sum * o->in[2][i / S * S + k];
        for (int k = 0; k < keys; k++)
            o->size[i] = fmax(o->size[i], fabs(o->in[2][i / S * S + k]));
    }
}

void want_attention(Wanted *o) { attend(o, false); }
void want_causal(Wanted *o) { attend(o, true); }
