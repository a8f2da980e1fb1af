// Attention of 1 to 16 new tokens over a static cache, in two kernels: `attend` gathers every span of positions by
// itself, `join` adds the spans up. The span is fixed by the cache's room, and a token's sums over a span run in one
// order, so what a token gathers depends neither on how many tokens are asked for nor on how long the cache is.
//
// A CTA takes one span, one key head and 16 of the (token, query head) rows that share it, and goes through the span
// STEP positions at a time; each of its four warps scores and gathers a quarter of them with m16n8k16 products and a running
// maximum (arXiv 2205.14135), and the four meet in shared memory at the end. HEAD_DIM: a multiple of 16;
// STEP: of 64.

constexpr int WARPS = 4;
constexpr int SHARE = STEP / WARPS;
constexpr int PITCH = HEAD_DIM + 8;  // of a row in shared memory: eight rows of 16 bytes never meet in a bank
constexpr int INNER = HEAD_DIM / 16;
constexpr float NONE = -1e30f;  // the maximum of no scores; finite, so that a difference of two is a number

extern __shared__ __align__(128) u8 memory[];

struct Shape {
    int tokens, heads, kv_heads, room, span, window, first;  // `first`: the position of the first token

    __device__ int group() const { return heads / kv_heads; }
    __device__ int rows() const { return tokens * group(); }
    __device__ int position(int row) const { return first + row / group(); }
    __device__ int since(int position) const { return window > 0 ? max(0, position - window + 1) : 0; }
    __device__ u64 row_of_output(int row) const {
        return static_cast<u64>(row / group()) * heads + blockIdx.y * group() + row % group();
    }
};

// Copies STEP positions of one key head into shared memory, zeros past `end`.
__device__ __forceinline__ void fetch(u16* to, const u16* head, int from, int end) {
    constexpr int PIECES = HEAD_DIM / 8;
    for (int i = threadIdx.x; i < STEP * PIECES; i += blockDim.x) {
        const int position = i / PIECES, piece = i % PIECES;
        const bool inside = from + position < end;
        copy_16(shared_address(to + position * PITCH + piece * 8),
                head + (inside ? static_cast<u64>(from + position) * HEAD_DIM + piece * 8 : 0), inside);
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

// What one warp gathers for 16 rows: rows lane / 4 (c = 0, 1) and lane / 4 + 8 (c = 2, 3) of each 16 x 8 tile.
struct Gathered {
    float most[2], total[2], out[HEAD_DIM / 8][4];

    __device__ __forceinline__ void clear() {
        most[0] = most[1] = NONE, total[0] = total[1] = 0.f;
#pragma unroll
        for (int n = 0; n < HEAD_DIM / 8; n++) out[n][0] = out[n][1] = out[n][2] = out[n][3] = 0.f;
    }

    // Takes up SHARE scores (in powers of two) and leaves their weights in their place.
    __device__ __forceinline__ void weigh(float (&score)[SHARE / 8][4]) {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float top = most[half];
#pragma unroll
            for (int n = 0; n < SHARE / 8; n++) top = fmaxf(top, fmaxf(score[n][2 * half], score[n][2 * half + 1]));
            top = quad_max(top);
            const float shrink = exp2f(most[half] - top);
            float sum = 0.f;
#pragma unroll
            for (int n = 0; n < SHARE / 8; n++) {
#pragma unroll
                for (int c = 2 * half; c < 2 * half + 2; c++) {
                    score[n][c] = score[n][c] <= NONE ? 0.f : exp2f(score[n][c] - top);
                    sum += score[n][c];
                }
            }
            total[half] = total[half] * shrink + quad_sum(sum);
            most[half] = top;
#pragma unroll
            for (int n = 0; n < HEAD_DIM / 8; n++) out[n][2 * half] *= shrink, out[n][2 * half + 1] *= shrink;
        }
    }

    __device__ __forceinline__ void gather(const float (&weight)[SHARE / 8][4], const u16* values) {
#pragma unroll
        for (int k = 0; k < SHARE / 16; k++) {
            const u32 a0 = bf16_pair(weight[2 * k][0], weight[2 * k][1]);
            const u32 a1 = bf16_pair(weight[2 * k][2], weight[2 * k][3]);
            const u32 a2 = bf16_pair(weight[2 * k + 1][0], weight[2 * k + 1][1]);
            const u32 a3 = bf16_pair(weight[2 * k + 1][2], weight[2 * k + 1][3]);
#pragma unroll
            for (int n = 0; n < INNER; n++) {
                u32 b[4];
                load_transposed(b, values, k * 16, n * 16);
                multiply(out[2 * n], a0, a1, a2, a3, b[0], b[1]);
                multiply(out[2 * n + 1], a0, a1, a2, a3, b[2], b[3]);
            }
        }
    }
};

// The 16 query rows of a CTA as left operands; rows past the last are zero.
struct Queries {
    u32 a[INNER][4];
    int upper, lower;  // positions of the two rows of this lane; -1 past the last row

    __device__ __forceinline__ void load(const u16* query, const Shape& shape) {
        const int lane = threadIdx.x % LANES, row = blockIdx.z * 16 + lane / 4;
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

// Adds up the four warps in their order and leaves the span's sums, its maxima and its totals.
__device__ void publish(const Gathered& mine, const Shape& shape, float* partial, float2* marks) {
    const int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
    float* out = reinterpret_cast<float*>(memory);                 // [WARPS, 16, HEAD_DIM]
    float2* mark = reinterpret_cast<float2*>(out + WARPS * 16 * HEAD_DIM);  // [WARPS, 16]
    __syncthreads();  // the keys and values that lay here are no longer needed
#pragma unroll
    for (int n = 0; n < HEAD_DIM / 8; n++) {
        float* at = out + (warp * 16 + g) * HEAD_DIM + n * 8 + t * 2;
        at[0] = mine.out[n][0], at[1] = mine.out[n][1];
        at[8 * HEAD_DIM] = mine.out[n][2], at[8 * HEAD_DIM + 1] = mine.out[n][3];
    }
    if (t == 0) {
        mark[warp * 16 + g] = make_float2(mine.most[0], mine.total[0]);
        mark[warp * 16 + g + 8] = make_float2(mine.most[1], mine.total[1]);
    }
    __syncthreads();
    const u64 slot = static_cast<u64>(blockIdx.x) * shape.tokens * shape.heads;
    for (int i = threadIdx.x; i < 16 * HEAD_DIM; i += blockDim.x) {
        const int row = i / HEAD_DIM, whole = blockIdx.z * 16 + row;
        if (whole >= shape.rows()) break;
        float top = NONE, sum = 0.f, total = 0.f;
        for (int w = 0; w < WARPS; w++) top = fmaxf(top, mark[w * 16 + row].x);
        for (int w = 0; w < WARPS; w++) {
            const float share = exp2f(mark[w * 16 + row].x - top);
            sum += out[w * 16 * HEAD_DIM + i] * share;
            total += mark[w * 16 + row].y * share;
        }
        const u64 to = slot + shape.row_of_output(whole);
        partial[to * HEAD_DIM + i % HEAD_DIM] = sum;
        if (i % HEAD_DIM == 0) marks[to] = make_float2(top, total);
    }
}

// gridDim = (spans of the room, kv_heads, rows / 16), blockDim = 128. `start`: the first token's position.
extern "C" __global__ void __launch_bounds__(WARPS* LANES)
    attend(const u16* query, const u16* keys, const u16* values, const int* start, float* partial, float2* marks,
           int tokens, int heads, int kv_heads, int room, int span, int window, float scale) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int first = *reinterpret_cast<const volatile int*>(start);
    const Shape shape{tokens, heads, kv_heads, room, span, window, first};
    const int last = shape.position(min(static_cast<int>(blockIdx.z) * 16 + 15, shape.rows() - 1));
    const int since = shape.since(shape.position(blockIdx.z * 16));
    const int begin = blockIdx.x * span, end = min(begin + span, last + 1);
    if (begin > last || end <= since) return;

    u16* k = reinterpret_cast<u16*>(memory);
    u16* v = k + STEP * PITCH;
    const u64 head = static_cast<u64>(blockIdx.y) * room * HEAD_DIM;
    const int offset = threadIdx.x / LANES * SHARE;
    Queries queries;
    queries.load(query, shape);
    Gathered mine;
    mine.clear();
    for (int from = begin; from < end; from += STEP) {
        if (from + STEP <= since) continue;
        __syncthreads();
        fetch(k, keys + head, from, end);
        commit();
        fetch(v, values + head, from, end);
        commit();
        float score[SHARE / 8][4];
        wait<1>();
        __syncthreads();
        queries.score(score, k + offset * PITCH, from + offset, shape, scale);
        mine.weigh(score);
        wait<0>();
        __syncthreads();
        mine.gather(score, v + offset * PITCH);
    }
    publish(mine, shape, partial, marks);
}

// gridDim = (tokens, heads), blockDim = HEAD_DIM: the spans a token sees, in order.
extern "C" __global__ void join(const float* partial, const float2* marks, const int* start, u16* y, int tokens,
                                int heads, int kv_heads, int room, int span, int window) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int first = *reinterpret_cast<const volatile int*>(start);
    const Shape shape{tokens, heads, kv_heads, room, span, window, first};
    const int position = first + blockIdx.x;
    const u64 row = static_cast<u64>(blockIdx.x) * heads + blockIdx.y, step = static_cast<u64>(tokens) * heads;
    float top = NONE, sum = 0.f, total = 0.f;
    for (int s = shape.since(position) / span; s <= position / span; s++) top = fmaxf(top, __ldcg(&marks[s * step + row].x));
    for (int s = shape.since(position) / span; s <= position / span; s++) {
        const float2 mark = __ldcg(marks + s * step + row);
        const float share = exp2f(mark.x - top);
        sum += __ldcg(partial + (s * step + row) * HEAD_DIM + threadIdx.x) * share;
        total += mark.y * share;
    }
    y[row * HEAD_DIM + threadIdx.x] = to_bf16(sum / total);
}
