// Attention of 1 to 16 new tokens over a static cache, in two kernels: `attend` gathers every span of positions by
// itself, `join` adds the spans up. The span is fixed by the cache's room, and a token's sums over a span run in one
// order, so what a token gathers depends neither on how many tokens are asked for nor on how long the cache is.
//
// A CTA takes one span, one key head and up to 64 of the (token, query head) rows that share it, and goes through the
// span STEP positions at a time, with m16n8k16 products and a running maximum (arXiv 2205.14135). Four warps share 16
// rows: each scores a quarter of the positions, and after the four have agreed on a maximum and laid down the weights,
// each gathers a quarter of the columns over all of them. HEAD_DIM: a multiple of 16; STEP: of 64.

constexpr int ROWS = 16;    // of a block: the m of the MMA
constexpr int QUARTER = 4;  // warps of a block
constexpr int SHARE = STEP / QUARTER;
constexpr int PITCH = HEAD_DIM + 8;     // of a row in shared memory: eight rows of 16 bytes never meet in a bank
constexpr int WEIGHT_PITCH = STEP + 8;  // the same for a row of weights
constexpr int INNER = HEAD_DIM / 16;
constexpr int MINE = (INNER + QUARTER - 1) / QUARTER;  // most groups of 16 columns of a warp
constexpr float NONE = -1e30f;  // the maximum of no scores; finite, so that a difference of two is a number

extern __shared__ __align__(128) u8 memory[];

struct Shape {
    int tokens, heads, kv_heads, room, span, window, together, first;  // `first`: the position of the first token

    __device__ int group() const { return heads / kv_heads; }
    __device__ int rows() const { return tokens * group(); }
    // The last position that a row sees: its token's own, or that of the last token.
    __device__ int position(int row) const { return first + (together ? tokens - 1 : row / group()); }
    __device__ int since(int position) const { return window > 0 ? max(0, position - window + 1) : 0; }
    __device__ u64 row_of_output(int row) const {
        return static_cast<u64>(row / group()) * heads + blockIdx.y * group() + row % group();
    }
};

// Copies those of STEP positions of one key head that lie in [since, until) into shared memory, zeros past `end`.
__device__ __forceinline__ void fetch(u16* to, const u16* head, int from, int since, int until, int end) {
    constexpr int PIECES = HEAD_DIM / 8;
    for (int i = threadIdx.x; i < STEP * PIECES; i += blockDim.x) {
        const int row = i / PIECES, piece = i % PIECES, position = from + row;
        const bool inside = position < end;
        if (position < since || position >= until) continue;
        copy_16(shared_address(to + row * PITCH + piece * 8),
                head + (inside ? static_cast<u64>(position) * HEAD_DIM + piece * 8 : 0), inside);
    }
}

// Four 8 x 8 tiles of V, transposed: the right operand of 16 positions x 16 columns.
__device__ __forceinline__ void load_transposed(u32 (&b)[4], const u16* values, int position, int column) {
    const int lane = threadIdx.x % LANES;
    const u16* at = values + (position + lane % 8 + (lane / 8 % 2) * 8) * PITCH + column + lane / 16 * 8;
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(b[0]), "=r"(b[1]), "=r"(b[2]), "=r"(b[3])
                 : "r"(shared_address(at)));
}

__device__ __forceinline__ float quad_max(float v) {
    v = fmaxf(v, __shfl_xor_sync(0xffffffff, v, 1));
    return fmaxf(v, __shfl_xor_sync(0xffffffff, v, 2));
}

__device__ __forceinline__ float quad_sum(float v) {
    v += __shfl_xor_sync(0xffffffff, v, 1);
    return v + __shfl_xor_sync(0xffffffff, v, 2);
}

// The 16 query rows of a block as left operands; rows past the last are zero. Of a 16 x 8 tile a lane holds row lane /
// 4 (c = 0, 1) and row lane / 4 + 8 (c = 2, 3).
struct Queries {
    u32 a[INNER][4];
    int upper, lower;  // positions of the two rows of this lane; -1 past the last row

    __device__ __forceinline__ void load(const u16* query, const Shape& shape, int first_row) {
        const int lane = threadIdx.x % LANES, row = first_row + lane / 4;
        upper = row < shape.rows() ? shape.position(row) : -1;
        lower = row + 8 < shape.rows() ? shape.position(row + 8) : -1;
        const u16* high = query + shape.row_of_output(row) * HEAD_DIM + (lane % 4) * 2;
        const u16* low = query + shape.row_of_output(row + 8) * HEAD_DIM + (lane % 4) * 2;
#pragma unroll
        for (int k = 0; k < INNER; k++) {
            a[k][0] = upper < 0 ? 0 : load_4(high + k * 16);
            a[k][1] = lower < 0 ? 0 : load_4(low + k * 16);
            a[k][2] = upper < 0 ? 0 : load_4(high + k * 16 + 8);
            a[k][3] = lower < 0 ? 0 : load_4(low + k * 16 + 8);
        }
    }

    // Scores of SHARE positions from `from` on, in powers of two; what a row must not see is NONE.
    __device__ __forceinline__ void score(float (&s)[SHARE / 8][4], const u16* keys, int from, const Shape& shape,
                                          float scale) const {
        const int lane = threadIdx.x % LANES;
#pragma unroll
        for (int n = 0; n < SHARE / 8; n++) {
            s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0.f;
            const u16* key = keys + (n * 8 + lane / 4) * PITCH + (lane % 4) * 2;
#pragma unroll
            for (int k = 0; k < INNER; k++) {
                multiply(s[n], a[k][0], a[k][1], a[k][2], a[k][3], *reinterpret_cast<const u32*>(key + k * 16),
                         *reinterpret_cast<const u32*>(key + k * 16 + 8));
            }
#pragma unroll
            for (int c = 0; c < 4; c++) {
                const int at = from + n * 8 + (lane % 4) * 2 + c % 2, own = c < 2 ? upper : lower;
                s[n][c] = at <= own && at >= shape.since(own) ? s[n][c] * scale : NONE;
            }
        }
    }
};

// What the four warps of a block tell each other about its rows, in shared memory.
struct Shared {
    float most[QUARTER][ROWS], total[QUARTER][ROWS];
    u16 weights[ROWS][WEIGHT_PITCH];  // of a step's positions, bf16
};

// What a warp gathers: all of the two rows' maxima and totals, and its quarter of their columns.
struct Gathered {
    float most[2] = {NONE, NONE}, total[2] = {}, out[MINE][2][4] = {};
    int warp;  // of the block

    // Takes up a quarter of a step's scores and lays down their weights; with all warps of the CTA.
    __device__ __forceinline__ void weigh(float (&score)[SHARE / 8][4], Shared& shared) {
        const int lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = NONE;
#pragma unroll
            for (int n = 0; n < SHARE / 8; n++) top = fmaxf(top, fmaxf(score[n][2 * half], score[n][2 * half + 1]));
            top = quad_max(top);
            if (t == 0) shared.most[warp][g + half * 8] = top;
        }
        __syncthreads();
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = most[half], sum = 0.f;
#pragma unroll
            for (int w = 0; w < QUARTER; w++) top = fmaxf(top, shared.most[w][g + half * 8]);
            const float shrink = exp2f(most[half] - top);
            most[half] = top, total[half] *= shrink;
#pragma unroll
            for (int n = 0; n < SHARE / 8; n++) {
                float weight[2];
#pragma unroll
                for (int c = 0; c < 2; c++) {
                    const float s = score[n][2 * half + c];
                    weight[c] = s <= NONE ? 0.f : exp2f(s - top);
                    sum += weight[c];
                }
                *reinterpret_cast<u32*>(&shared.weights[g + half * 8][warp * SHARE + n * 8 + t * 2]) =
                    bf16_pair(weight[0], weight[1]);
            }
            sum = quad_sum(sum);
            if (t == 0) shared.total[warp][g + half * 8] = sum;
#pragma unroll
            for (int m = 0; m < MINE; m++) {
                out[m][0][2 * half] *= shrink, out[m][0][2 * half + 1] *= shrink;
                out[m][1][2 * half] *= shrink, out[m][1][2 * half + 1] *= shrink;
            }
        }
    }

    // Adds the step's weighted values to this warp's columns: groups warp, warp + 4, ... of 16.
    __device__ __forceinline__ void gather(const Shared& shared, const u16* values) {
        const int lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
#pragma unroll
        for (int half = 0; half < 2; half++) {
#pragma unroll
            for (int w = 0; w < QUARTER; w++) total[half] += shared.total[w][g + half * 8];
        }
#pragma unroll
        for (int k = 0; k < STEP / 16; k++) {
            const u32* upper = reinterpret_cast<const u32*>(&shared.weights[g][k * 16 + t * 2]);
            const u32* lower = reinterpret_cast<const u32*>(&shared.weights[g + 8][k * 16 + t * 2]);
            const u32 a0 = upper[0], a1 = lower[0], a2 = upper[4], a3 = lower[4];
#pragma unroll
            for (int m = 0; m < MINE; m++) {
                const int columns = warp + m * QUARTER;
                if (columns >= INNER) break;
                u32 b[4];
                load_transposed(b, values, k * 16, columns * 16);
                multiply(out[m][0], a0, a1, a2, a3, b[0], b[1]);
                multiply(out[m][1], a0, a1, a2, a3, b[2], b[3]);
            }
        }
    }

    // Leaves the span's sums, its maxima and its totals.
    __device__ __forceinline__ void publish(const Shape& shape, int first_row, float* partial, float2* marks) const {
        const int lane = threadIdx.x % LANES, t = lane % 4;
        const u64 slot = static_cast<u64>(blockIdx.x) * shape.tokens * shape.heads;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = first_row + lane / 4 + half * 8;
            if (row >= shape.rows()) continue;
            const u64 to = slot + shape.row_of_output(row);
            if (warp == 0 && t == 0) marks[to] = make_float2(most[half], total[half]);
#pragma unroll
            for (int m = 0; m < MINE; m++) {
                const int columns = warp + m * QUARTER;
                if (columns >= INNER) break;
#pragma unroll
                for (int n = 0; n < 2; n++) {
                    *reinterpret_cast<float2*>(partial + to * HEAD_DIM + columns * 16 + n * 8 + t * 2) =
                        make_float2(out[m][n][2 * half], out[m][n][2 * half + 1]);
                }
            }
        }
    }
};

// gridDim = (spans of the room, kv_heads, rows over those of a CTA), blockDim = 128 for each block of 16 rows. The
// first token's position is `start` + `offset`. `start`, and what the cache holds before it, is read while the kernel
// ahead still runs: it must be older than that.
extern "C" __global__ void __launch_bounds__(512, 1)
    attend(const u16* query, const u16* keys, const u16* values, const int* start, const u32* idle, float* partial,
           float2* marks, int offset, int tokens, int heads, int kv_heads, int room, int span, int window,
           int together, float scale) {
    allow_next_kernel();
    const int old = *reinterpret_cast<const volatile int*>(start);
    const Shape shape{tokens, heads, kv_heads, room, span, window, together, old + offset};
    const int rows = blockDim.x / (QUARTER * LANES) * ROWS, first_row = blockIdx.z * rows;
    const int last = shape.position(min(first_row + rows, shape.rows()) - 1);
    const int since = shape.since(shape.position(first_row));
    const int begin = blockIdx.x * span, end = min(begin + span, last + 1);
    if (begin > last || end <= since) return;

    u16* k = reinterpret_cast<u16*>(memory);
    u16* v = k + STEP * PITCH;
    const int block = threadIdx.x / (QUARTER * LANES), warp = threadIdx.x / LANES % QUARTER;
    Shared& shared = reinterpret_cast<Shared*>(v + STEP * PITCH)[block];
    const u64 head = static_cast<u64>(blockIdx.y) * room * HEAD_DIM;
    int from = begin + max(0, since - begin) / STEP * STEP;
    const int early = rests(idle) ? 0 : old;
    fetch(k, keys + head, from, 0, early, end);
    commit();
    fetch(v, values + head, from, 0, early, end);
    commit();
    wait_for_last_kernel();
    if (rests(idle)) return wait<0>();
    Queries queries;
    queries.load(query, shape, first_row + block * ROWS);
    if (from + STEP > early) {
        fetch(k, keys + head, from, early, from + STEP, end);
        commit();
        fetch(v, values + head, from, early, from + STEP, end);
        commit();
    }
    Gathered mine;
    mine.warp = warp;
    while (true) {
        float score[SHARE / 8][4];
        wait<1>();
        __syncthreads();
        queries.score(score, k + warp * SHARE * PITCH, from + warp * SHARE, shape, scale);
        wait<0>();  // before the barrier in `weigh`
        mine.weigh(score, shared);
        __syncthreads();
        mine.gather(shared, v);
        from += STEP;
        if (from >= end) break;
        __syncthreads();
        fetch(k, keys + head, from, from, from + STEP, end);
        commit();
        fetch(v, values + head, from, from, from + STEP, end);
        commit();
    }
    mine.publish(shape, first_row + block * ROWS, partial, marks);
}

// gridDim = (tokens, heads over warps of a CTA), HEAD_DIM / 4 of a warp's lanes at work: the spans a token sees, in
// order, BATCH asked for at once.
extern "C" __global__ void join(const float* partial, const float2* marks, const int* start, const u32* idle, u16* y,
                                int offset, int tokens, int heads, int kv_heads, int room, int span, int window,
                                int together) {
    constexpr int BATCH = 8;
    allow_next_kernel();
    const int first = *reinterpret_cast<const volatile int*>(start) + offset;
    const Shape shape{tokens, heads, kv_heads, room, span, window, together, first};
    const int position = shape.position(blockIdx.x * shape.group());
    const int head = blockIdx.y * (blockDim.x / LANES) + threadIdx.x / LANES, column = threadIdx.x % LANES * 4;
    wait_for_last_kernel();
    if (rests(idle) || head >= heads || column >= HEAD_DIM) return;
    const u64 row = static_cast<u64>(blockIdx.x) * heads + head, step = static_cast<u64>(tokens) * heads;
    const int to = position / span;
    float top = NONE, total = 0.f, sum[4] = {};
    for (int s = shape.since(position) / span; s <= to; s += BATCH) {
        float2 mark[BATCH];
        float4 part[BATCH];
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            const u64 at = min(s + b, to) * step + row;
            mark[b] = __ldcg(marks + at);
            part[b] = __ldcg(reinterpret_cast<const float4*>(partial + at * HEAD_DIM + column));
        }
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            if (s + b > to) break;
            const float highest = fmaxf(top, mark[b].x), shrink = exp2f(top - highest);
            const float share = exp2f(mark[b].x - highest);
            for (float& of : sum) of *= shrink;
            add(sum, make_float4(part[b].x * share, part[b].y * share, part[b].z * share, part[b].w * share));
            total = total * shrink + mark[b].y * share;
            top = highest;
        }
    }
    *reinterpret_cast<uint2*>(y + row * HEAD_DIM + column) =
        make_uint2(bf16_pair(sum[0] / total, sum[1] / total), bf16_pair(sum[2] / total, sum[3] / total));
}
