// y[M, N] = x[M, K] · Wᵀ for 1 to 16 tokens, W [N, K] in bitsandbytes' own NF4 layout: two weights a byte, the even
// one in the high nibble, one fp32 absmax per 64 weights of a row. Or, with GROUPS, in groups of 32 weights, each of
// them code * scale + minimum: two fp16 a group, and the bytes of every two groups in the order of groups.py.
//
// A warp owns 256 consecutive k (a "chunk", four absmax blocks) and keeps the activations of that chunk in registers
// for the whole launch. A CTA's warps own neighbouring chunks and walk down tiles of 16 rows together; each warp
// streams its 16 x 128 bytes of a tile through a private ring of shared-memory stages with cp.async, so every weight
// is read from memory once, in full lines, however many tokens there are. A byte becomes two bf16 through a 256-entry
// table, replicated once per lane so that no two lanes share a bank. The tensor core multiplies 16 rows x 16 k by 16 k
// x 8 tokens (m16n8k16); each 64-block, or group, gathers its own fp32 sum, scaled at the end. What minimums add is a
// product of its own, of a chunk's eight with the sums of activations that they stand for. Sums meet in a fixed
// order: blocks of a warp, warps of a CTA, CTAs of a tile (`splits` > 1, the last to arrive adds up). None of it
// depends on M, so a token's result never does.
//
// Given by the compiler's command line: GROUPS (0 or 1), TOKEN_TILES (1 or 2: up to 8 or 16 tokens), STAGES (depth of
// the ring), REGISTERS (of a thread), TABLE_STRIDE (128 or 256 bytes a table entry: smaller, or one instruction less a
// byte).

constexpr int ROWS = 16;          // of a tile: the m of the MMA
constexpr int BLOCKS = 4;         // of 64 k: of a chunk
constexpr int CHUNK_BYTES = 128;  // packed weights of one row of a chunk
constexpr int WEIGHT_BYTES = ROWS * CHUNK_BYTES;
constexpr int SCALE_BYTES = ROWS * BLOCKS * (GROUPS ? 8 : 4);
constexpr int STAGE_BYTES = WEIGHT_BYTES + SCALE_BYTES;
constexpr int TABLE_BYTES = 256 * TABLE_STRIDE;
constexpr int BUFFERS = 3;        // of a tile's sums, between the warps that find them and the one that adds them up

#if GROUPS
typedef uint2 Scale;  // of a block: of each of its two groups scale and minimum, fp16
#else
typedef float Scale;
#endif

enum Epilogue { STORE = 0, ADD_RESIDUAL = 1, SILU_MULTIPLY = 2 };

extern __shared__ __align__(128) u8 memory[];

// The tiles a CTA works through: first, first + step, ... each giving `height` rows of y. With SILU_MULTIPLY a tile is
// 8 rows of the gate (the first half of W) above the same 8 of the up projection, so that a lane finds both sums of a
// result.
struct Tiles {
    int first, step, count, height, rows;  // `rows` of y

    __device__ int index(int i) const { return first + i * step; }
    __device__ int start(int i) const { return index(i) * height; }
    __device__ int skipped() const { return height == ROWS ? 0 : rows - height; }  // of W, between the two eights
    __device__ int all() const { return (rows + height - 1) / height; }            // of all CTAs
};

// Where this warp's chunk lies in the weights, and how many of its blocks are inside K. Offsets fit 32 bits.
struct Source {
    const u8* packed;
    const Scale* scales;
    int k, columns, blocks;

    // Starts copying tile i's share of this warp into a stage; rows past the last and k past K become zeros.
    // Unit u of 32 bytes of row r is stored at u ^ (r & 3): then the reads of a fragment, 8 bytes from each of four
    // rows, fall into different banks.
    __device__ __forceinline__ void fetch(u32 stage, const Tiles& tiles, int i) const {
        if (blocks == BLOCKS && tiles.start(i) + tiles.height <= tiles.rows) copy<false>(stage, tiles, i);
        else copy<true>(stage, tiles, i);
    }

    template <bool TAIL>
    __device__ __forceinline__ void copy(u32 stage, const Tiles& tiles, int i) const {
        const u32 lane = threadIdx.x % LANES, r = lane / 8, piece = lane % 8;
        const u32 half = columns / 2, across = columns / 64, row = tiles.start(i), skipped = tiles.skipped();
        const int upper = tiles.rows - row, lower = upper + ROWS - tiles.height;  // rows of the tile inside W
        const u32 to = stage + r * CHUNK_BYTES + ((piece >> 1) ^ r) * 32 + (piece & 1) * 16;
        u32 at = (row + r) * half + k / 2 + piece * 16;
#pragma unroll
        for (int q = 0; q < ROWS / 4; q++, at += 4 * half) {
            if (q == 2) at += skipped * half;
            const bool inside = piece < blocks * 2 && static_cast<int>(q * 4 + r) < (q < 2 ? upper : lower);
            copy_16(to + q * 4 * CHUNK_BYTES, packed + (inside || !TAIL ? at : 0), inside || !TAIL);
        }
        const u32 block = lane % BLOCKS;
        u32 scale_at = (row + lane / BLOCKS) * across + k / 64 + block;
#pragma unroll
        for (int q = 0; q < 2; q++, scale_at += (8 + skipped) * across) {
            const bool inside = block < blocks && static_cast<int>(q * 8 + lane / BLOCKS) < (q < 1 ? upper : lower);
            const bool wanted = inside || !TAIL;
            const u32 place = stage + WEIGHT_BYTES + q * SCALE_BYTES / 2 + lane * (GROUPS ? 8 : 4);
            if (GROUPS) copy_8(place, scales + (wanted ? scale_at : 0), wanted);
            else copy_4(place, scales + (wanted ? scale_at : 0), wanted);
        }
    }

    template <int COUNT>
    __device__ __forceinline__ void fetch_first(u32 ring, const Tiles& tiles) const {
        for (int i = 0; i < COUNT; i++) {
            if (i < tiles.count) fetch(ring + i * STAGE_BYTES, tiles, i);
            commit();
        }
    }
};

// Entry b of lane l: code[b >> 4] in the low half (the lower k) and code[b & 15] in the high half, at bank l.
// `mine`: code[lane % 16].
__device__ void fill_table(float mine) {
    for (int i = threadIdx.x; i < 256 * 8; i += blockDim.x) {
        const int entry = i / 8;
        const float low = __shfl_sync(0xffffffff, mine, entry >> 4), high = __shfl_sync(0xffffffff, mine, entry & 15);
        const u32 pair = bf16_pair(low, high);
        *reinterpret_cast<uint4*>(memory + entry * TABLE_STRIDE + (i % 8) * 16) = make_uint4(pair, pair, pair, pair);
    }
}

// This lane's activations: of token lane / 4 (+ 8), for every block the 16 k starting at 16 * (lane % 4), with GROUPS
// the 8 starting at 8 * (lane % 4) of both groups. Tokens past the last repeat it; their sums are dropped.
__device__ __forceinline__ void load_activations(u32 (&b)[TOKEN_TILES][BLOCKS][8], const u16* x, const Source& source,
                                                 int tokens) {
    constexpr int NEAR = GROUPS ? 8 : 16, FAR = GROUPS ? 32 : 8;  // between lanes, and between a lane's two eights
    const int lane = threadIdx.x % LANES;
#pragma unroll
    for (int n = 0; n < TOKEN_TILES; n++) {
        const int token = min(n * 8 + lane / 4, tokens - 1);
        const u16* row = x + static_cast<u64>(token) * source.columns + source.k + (lane % 4) * NEAR;
#pragma unroll
        for (int block = 0; block < BLOCKS; block++) {
            uint4 low = make_uint4(0, 0, 0, 0), high = low;
            if (block < source.blocks) {
                low = load_16(row + block * 64);
                high = load_16(row + block * 64 + FAR);
            }
            b[n][block][0] = low.x, b[n][block][1] = low.y, b[n][block][2] = low.z, b[n][block][3] = low.w;
            b[n][block][4] = high.x, b[n][block][5] = high.y, b[n][block][6] = high.z, b[n][block][7] = high.w;
        }
    }
}

// What a chunk's minimums are multiplied by: the sums of each group's activations, of token lane / 4 (+ 8) and the two
// groups of block lane % 4. As TF32 keeps no more than their first bits, the others follow apart.
__device__ __forceinline__ void add_up(u32 (&sums)[TOKEN_TILES][4], const u32 (&b)[TOKEN_TILES][BLOCKS][8]) {
#pragma unroll
    for (int i = 0; i < TOKEN_TILES * BLOCKS * 2; i++) {
        const int n = i / 8, block = i / 2 % BLOCKS, half = i % 2;
        float sum = 0.f;
#pragma unroll
        for (int pair = half * 4; pair < half * 4 + 4; pair++) sum += low_of(b[n][block][pair]) + high_of(b[n][block][pair]);
        sum += __shfl_xor_sync(0xffffffff, sum, 1);
        sum += __shfl_xor_sync(0xffffffff, sum, 2);
        const float first = __uint_as_float(__float_as_uint(sum) & 0xffffe000u);
        if (threadIdx.x % 4 != block) continue;
        sums[n][half] = __float_as_uint(first), sums[n][half + 2] = __float_as_uint(sum - first);
    }
}

// The entry of one byte of `word`. Both forms of the address take `lane_offset` (4 * lane) along.
template <int BYTE>
__device__ __forceinline__ u32 look_up(u32 word, u32 lane_offset) {
    u32 at;
    if (TABLE_STRIDE == 256) {
        at = __byte_perm(word, lane_offset, 0x7704 | BYTE << 4);
    } else {
        const u32 scaled = BYTE == 0 ? word << 7 : word >> (8 * BYTE - 7);
        asm("lop3.b32 %0, %1, 0x7f80, %2, 0xea;" : "=r"(at) : "r"(scaled), "r"(lane_offset));  // (a & b) | c
    }
    return *reinterpret_cast<const u32*>(memory + at);
}

// The scale of a row's block, with GROUPS of one half of it.
__device__ __forceinline__ float scale_of(const u8* stage, int row, int block, int half) {
    const Scale* at = reinterpret_cast<const Scale*>(stage + WEIGHT_BYTES) + row * BLOCKS + block;
#if GROUPS
    return low_half(half ? at->y : at->x);
#else
    return *at;
#endif
}

// sum[n] += what the minimums of this warp's share of a tile add; `sums` as `add_up` leaves them.
__device__ __forceinline__ void add_minimums(float (&sum)[TOKEN_TILES][4], const u8* stage,
                                             const u32 (&sums)[TOKEN_TILES][4]) {
#if GROUPS
    const Scale* at = reinterpret_cast<const Scale*>(stage + WEIGHT_BYTES) + threadIdx.x % LANES;
    const Scale up = at[0], low = at[LANES];  // of row lane / 4 and the one 8 below, block lane % 4
    const u32 a0 = __float_as_uint(high_half(up.x)), a1 = __float_as_uint(high_half(low.x));
    const u32 a2 = __float_as_uint(high_half(up.y)), a3 = __float_as_uint(high_half(low.y));
#pragma unroll
    for (int n = 0; n < TOKEN_TILES; n++) {
        multiply_tf32(sum[n], a0, a1, a2, a3, sums[n][2], sums[n][3]);
        multiply_tf32(sum[n], a0, a1, a2, a3, sums[n][0], sums[n][1]);
    }
#endif
}

// sum[n] += part[n], scaled, which begins anew.
__device__ __forceinline__ void settle(float (&sum)[TOKEN_TILES][4], float (&part)[TOKEN_TILES][4], float upper,
                                       float lower) {
#pragma unroll
    for (int n = 0; n < TOKEN_TILES; n++) {
        sum[n][0] = fmaf(part[n][0], upper, sum[n][0]);
        sum[n][1] = fmaf(part[n][1], upper, sum[n][1]);
        sum[n][2] = fmaf(part[n][2], lower, sum[n][2]);
        sum[n][3] = fmaf(part[n][3], lower, sum[n][3]);
        part[n][0] = part[n][1] = part[n][2] = part[n][3] = 0.f;
    }
}

// sum[n] += this warp's share of tile x tokens, out of one stage.
__device__ __forceinline__ void accumulate(float (&sum)[TOKEN_TILES][4], const u8* stage,
                                           const u32 (&b)[TOKEN_TILES][BLOCKS][8]) {
    const int lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
    u32 offset;
    asm volatile("shl.b32 %0, %1, 2;" : "=r"(offset) : "r"(lane));  // opaque, or it is computed again at each use
#pragma unroll
    for (int block = 0; block < BLOCKS; block++) {
        const u8* at = stage + g * CHUNK_BYTES + ((block ^ (g & 3)) * 32) + t * 8;
        const uint2 up = *reinterpret_cast<const uint2*>(at);
        const uint2 low = *reinterpret_cast<const uint2*>(at + 8 * CHUNK_BYTES);
        float part[TOKEN_TILES][4] = {};
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const u32 u = half ? up.y : up.x, l = half ? low.y : low.x;
            const u32 a0 = look_up<0>(u, offset), a1 = look_up<0>(l, offset);
            const u32 a2 = look_up<1>(u, offset), a3 = look_up<1>(l, offset);
            const u32 c0 = look_up<2>(u, offset), c1 = look_up<2>(l, offset);
            const u32 c2 = look_up<3>(u, offset), c3 = look_up<3>(l, offset);
#pragma unroll
            for (int n = 0; n < TOKEN_TILES; n++) {
                multiply(part[n], a0, a1, a2, a3, b[n][block][half * 4], b[n][block][half * 4 + 1]);
                multiply(part[n], c0, c1, c2, c3, b[n][block][half * 4 + 2], b[n][block][half * 4 + 3]);
            }
            if (GROUPS) settle(sum, part, scale_of(stage, g, block, half), scale_of(stage, g + 8, block, half));
        }
        if (!GROUPS) settle(sum, part, scale_of(stage, g, block, 0), scale_of(stage, g + 8, block, 0));
    }
}

// What becomes of a tile's sums. Each lane of the warp that settles them holds four per token tile, in the layout of
// the MMA's accumulator: rows lane / 4 and lane / 4 + 8 of the tile, tokens 2 * (lane % 4) and the next.
struct Output {
    const u16* bias;
    const u16* residual;
    u16* y;
    float4* partial;  // [splits, tiles, TOKEN_TILES, 32]: what each CTA of a tile found, when there are several
    u32* arrivals;    // [groups]: how many CTAs of a group have published all; zero between launches
    int tokens, splits, epilogue;

    // The four sums start from bias and residual: all asked for at once, since one after the other each load would wait
    // for the one before.
    __device__ __forceinline__ void begin(float (&sum)[TOKEN_TILES][4], const Tiles& tiles, int i) const {
        const int lane = threadIdx.x % LANES, last = tiles.rows - 1, upper = min(tiles.start(i) + lane / 4, last);
        const int lower = epilogue == SILU_MULTIPLY ? upper + tiles.rows : min(upper + 8, last);
        const float above = bias == nullptr ? 0.f : from_bf16(bias[upper]);
        const float below = bias == nullptr ? 0.f : from_bf16(bias[lower]);
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) sum[n][0] = sum[n][1] = above, sum[n][2] = sum[n][3] = below;
        if (epilogue != ADD_RESIDUAL) return;
        u16 before[TOKEN_TILES][4];
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
#pragma unroll
            for (int c = 0; c < 4; c++) {
                const int token = min(n * 8 + lane % 4 * 2 + c % 2, tokens - 1);
                before[n][c] = load_2(residual + static_cast<u64>(token) * tiles.rows + (c < 2 ? upper : lower));
            }
        }
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
#pragma unroll
            for (int c = 0; c < 4; c++) sum[n][c] += from_bf16(before[n][c]);
        }
    }

    __device__ __forceinline__ void store(const Tiles& tiles, int i, const float (&sum)[TOKEN_TILES][4]) const {
        const int lane = threadIdx.x % LANES, row = tiles.start(i) + lane / 4;
        const bool gated = epilogue == SILU_MULTIPLY;
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            const int token = n * 8 + lane % 4 * 2;
#pragma unroll
            for (int c = 0; c < 2; c++) {
                const float upper = gated ? sum[n][c + 2] * silu(sum[n][c]) : sum[n][c];
                u16* at = y + static_cast<u64>(token + c) * tiles.rows + row;
                if (token + c < tokens && row < tiles.rows) at[0] = to_bf16(upper);
                if (token + c < tokens && row + 8 < tiles.rows && !gated) at[8] = to_bf16(sum[n][c + 2]);
            }
        }
    }

    __device__ __forceinline__ float4* share(int split, int tile, int tiles) const {
        return partial + (static_cast<u64>(split) * tiles + tile) * (TOKEN_TILES * LANES) + threadIdx.x % LANES;
    }

    __device__ __forceinline__ void publish(const Tiles& tiles, int i, const float (&sum)[TOKEN_TILES][4]) const {
        float4* to = share(blockIdx.y, tiles.index(i), tiles.all());
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            __stcg(to + n * LANES, make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]));
        }
    }

    // After the last tile, with all threads: the last CTA of a group to come here adds up what all of them published.
    // Once for all tiles, since a round trip to the counter takes about as long as a tile.
    __device__ __forceinline__ void finish(const Tiles& tiles, int warps) const {
        __threadfence();
        __syncthreads();
        bool last = false;
        if (threadIdx.x == 0) {
            last = atomicAdd(arrivals + blockIdx.x, 1) == splits - 1;
            if (last) arrivals[blockIdx.x] = 0;
        }
        if (!__syncthreads_or(last)) return;
        __threadfence();
        for (int i = threadIdx.x / LANES; i < tiles.count; i += warps) {
            float sum[TOKEN_TILES][4];
            begin(sum, tiles, i);
#pragma unroll 4
            for (int s = 0; s < splits; s++) {
                const float4* from = share(s, tiles.index(i), tiles.all());
#pragma unroll
                for (int n = 0; n < TOKEN_TILES; n++) add(sum[n], __ldcg(from + n * LANES));
            }
            store(tiles, i, sum);
        }
    }
};

// Named barriers, one for each buffer from 1 on; immediates, or the compiler reserves all sixteen.
template <int NUMBER = 1>
__device__ __forceinline__ void arrive_full(int buffer) {
    if constexpr (NUMBER < BUFFERS) {
        if (buffer > 0) return arrive_full<NUMBER + 1>(buffer - 1);
    }
    asm volatile("bar.arrive %0, %1;" ::"n"(NUMBER), "r"(blockDim.x) : "memory");
}

template <int NUMBER = 1>
__device__ __forceinline__ void await_full(int buffer) {
    if constexpr (NUMBER < BUFFERS) {
        if (buffer > 0) return await_full<NUMBER + 1>(buffer - 1);
    }
    asm volatile("bar.sync %0, %1;" ::"n"(NUMBER), "r"(blockDim.x) : "memory");
}

// How the warps' sums of a tile come together: all leave theirs in a buffer, and one, by turns, takes them. It does so
// when it has left its own of the next tile: adding up then delays nobody. That a buffer is free again is told by a
// number, not by a barrier, at which all warps would wait for the slowest at every tile (tests: test_handover.py).
struct HandOver {
    float4* sums;         // [BUFFERS, warps, TOKEN_TILES, 32]
    volatile int* taken;  // [BUFFERS]: the last tile taken out of each, -1 before
    int warps;
    int turn;  // the tile that this warp takes next

    __device__ __forceinline__ float4* place(int i, int warp) const {
        return sums + (i % BUFFERS * warps + warp) * TOKEN_TILES * LANES + threadIdx.x % LANES;
    }

    __device__ __forceinline__ void leave(int i, const float (&sum)[TOKEN_TILES][4]) const {
        if (i >= BUFFERS) {
            while (taken[i % BUFFERS] < i - BUFFERS) {}
            __threadfence_block();
        }
        float4* to = place(i, threadIdx.x / LANES);
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) to[n * LANES] = make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
        if (i != turn) arrive_full(i % BUFFERS);
    }

    __device__ __forceinline__ void take(int i, float (&sum)[TOKEN_TILES][4]) {
        await_full(i % BUFFERS);
        const float4* from = place(i, 0);
        for (int w = 0; w < warps; w++) {
#pragma unroll
            for (int n = 0; n < TOKEN_TILES; n++) add(sum[n], from[(w * TOKEN_TILES + n) * LANES]);
        }
        __threadfence_block();
        __syncwarp();
        if (threadIdx.x % LANES == 0) taken[i % BUFFERS] = i;
        turn += warps;
    }
};

// The weights of the product after this one, of which the first `bytes` are brought into L2 as soon as this kernel has
// no more of its own to ask for: the memory stays busy while this one ends and whatever comes between runs.
struct Ahead {
    const u8* packed;
    u32 bytes;

    __device__ __forceinline__ void prefetch(int warps) const {
        const u32 cta = blockIdx.y * gridDim.x + blockIdx.x, ctas = gridDim.x * gridDim.y;
        const u32 lines = bytes / 128, lane = threadIdx.x % LANES, step = ctas * warps * LANES;
        for (u32 line = (threadIdx.x / LANES * ctas + cta) * LANES + lane; line < lines; line += step) {
            asm volatile("prefetch.global.L2 [%0];" ::"l"(packed + line * 128));
        }
    }
};

// A warp's life: it streams its chunk of every tile, hands over 16 rows x tokens of sums, and settles a tile when it
// is its turn.
__device__ __forceinline__ void stream(const Source& source, const Tiles& tiles, const Ahead& ahead,
                                       const Output& output, const u16* x, const float* code, const u32* idle, u8* ring,
                                       HandOver& hands) {
    const u32 ring_address = shared_address(ring);
    constexpr int EARLY = STAGES - 1;  // one less than fits: the activations must not queue behind all the weights
    const float mine = __ldg(code + threadIdx.x % 16);  // before the weights, or it would queue behind them
    const bool guess = rests(idle);                     // if so, the weights are asked for later, or not at all
    if (!guess) source.fetch_first<EARLY>(ring_address, tiles);
    fill_table(mine);
    if (threadIdx.x < BUFFERS) hands.taken[threadIdx.x] = -1;
    allow_next_kernel();
    wait_for_last_kernel();
    const bool resting = rests(idle);  // known by the time the activations are here
    u32 activations[TOKEN_TILES][BLOCKS][8];
    load_activations(activations, x, source, output.tokens);
    u32 sums[TOKEN_TILES][4] = {};
    if (GROUPS) add_up(sums, activations);
    if (resting) return wait<0>();  // no copy may land in a CTA that is gone
    if (guess) source.fetch_first<EARLY>(ring_address, tiles);
    if (EARLY < tiles.count) source.fetch(ring_address + EARLY * STAGE_BYTES, tiles, EARLY);
    commit();
    if (tiles.count <= STAGES) ahead.prefetch(hands.warps);
    __syncthreads();  // the table is filled, the buffers are free

    int slot = 0;
    for (int i = 0; i <= tiles.count; i++) {
        if (i < tiles.count) {
            wait<STAGES - 1>();
            __syncwarp();
            float sum[TOKEN_TILES][4] = {};
            add_minimums(sum, ring + slot * STAGE_BYTES, sums);
            accumulate(sum, ring + slot * STAGE_BYTES, activations);
            __syncwarp();  // every lane has read the stage; refill it
            const int next = i + STAGES;
            if (next < tiles.count) source.fetch(ring_address + slot * STAGE_BYTES, tiles, next);
            commit();
            if (i > 0 && next == tiles.count) ahead.prefetch(hands.warps);
            slot = slot + 1 == STAGES ? 0 : slot + 1;
            hands.leave(i, sum);
        }
        if (i - 1 == hands.turn) {
            float sum[TOKEN_TILES][4] = {};
            if (output.splits == 1) output.begin(sum, tiles, i - 1);
            hands.take(i - 1, sum);
            if (output.splits == 1) output.store(tiles, i - 1, sum);
            else output.publish(tiles, i - 1, sum);
        }
    }
    if (output.splits > 1) output.finish(tiles, hands.warps);
}

// gridDim = (groups of tiles, splits of k); blockDim = 32 * warps. `rows` is N, or N / 2 with SILU_MULTIPLY, where y
// has half as many columns as W has rows.
extern "C" __global__ void __maxnreg__(REGISTERS)
    nf4_linear(const u16* x, const u8* packed, const Scale* scales, const float* code, const u16* bias,
               const u16* residual, u16* y, float4* partial, u32* arrivals, const u32* idle, const u8* ahead,
               int ahead_bytes, int tokens, int rows, int columns, int epilogue) {
    const int warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
    const int height = epilogue == SILU_MULTIPLY ? ROWS / 2 : ROWS, all = (rows + height - 1) / height;
    const int first = blockIdx.x, step = gridDim.x;
    const Tiles tiles{first, step, (all - first + step - 1) / step, height, rows};
    const int k = (blockIdx.y * warps + warp) * BLOCKS * 64;
    const Source source{packed, scales, k, columns, max(0, min(BLOCKS, (columns - k) / 64))};
    const Ahead after{ahead, static_cast<u32>(ahead_bytes)};
    const Output output{bias, residual, y, partial, arrivals, tokens, static_cast<int>(gridDim.y), epilogue};
    u8* ring = memory + TABLE_BYTES + warp * STAGES * STAGE_BYTES;
    float4* sums = reinterpret_cast<float4*>(memory + TABLE_BYTES + warps * STAGES * STAGE_BYTES);
    __shared__ int taken[BUFFERS];
    HandOver hands{sums, taken, warps, warp};
    stream(source, tiles, after, output, x, code, idle, ring, hands);
}
