// y[M, N] = x[M, K] · Wᵀ for 1 to 16 tokens, W [N, K] in bitsandbytes' own NF4 layout: two weights a byte, the even
// one in the high nibble, one fp32 absmax per 64 weights of a row.
//
// A warp owns 256 consecutive k (a "chunk", four absmax blocks) and keeps the activations of that chunk in registers for
// the whole launch. A CTA's warps own neighbouring chunks and walk down tiles of 16 rows together; each warp streams its
// 16 x 128 bytes of a tile through a private ring of shared-memory stages with cp.async, so every weight is read from
// memory once, in full lines, however many tokens there are.
// A byte becomes two bf16 through a 256-entry table, replicated once per lane so that no two lanes share a bank.
// The tensor core multiplies 16 rows x 16 k by 16 k x 8 tokens (m16n8k16); each 64-block gathers its own fp32 sum,
// scaled by its absmax at the end. Sums meet in a fixed order: blocks of a warp, warps of a CTA, CTAs of a tile
// (`splits` > 1, the last to arrive adds up). None of it depends on M, so a token's result never does.
//
// Given by the compiler's command line: TOKEN_TILES (1 or 2: up to 8 or 16 tokens), STAGES (depth of the ring),
// MAX_WARPS (most warps of a CTA), MIN_CTAS (CTAs whose registers must fit a multiprocessor), TABLE_STRIDE (128 or 256
// bytes a table entry: smaller, or one instruction less a byte).

constexpr int ROWS = 16;          // of a tile: the m of the MMA
constexpr int BLOCKS = 4;         // absmax blocks of a chunk
constexpr int CHUNK_BYTES = 128;  // packed weights of one row of a chunk
constexpr int WEIGHT_BYTES = ROWS * CHUNK_BYTES;
constexpr int SCALE_BYTES = ROWS * BLOCKS * 4;
constexpr int STAGE_BYTES = WEIGHT_BYTES + SCALE_BYTES;
constexpr int TABLE_BYTES = 256 * TABLE_STRIDE;

enum Epilogue { STORE = 0, ADD_RESIDUAL = 1, SILU_MULTIPLY = 2 };

extern __shared__ __align__(128) u8 memory[];

// The rows a CTA works through: tiles first, first + step, ... With SILU_MULTIPLY every tile of the gate (the first
// half of the rows) is followed by its tile of the up projection (the second half).
struct Tiles {
    int first, step, count, paired, rows;

    __device__ int index(int i) const { return first + (paired ? i >> 1 : i) * step; }
    __device__ bool second(int i) const { return paired && (i & 1); }
    __device__ int start(int i) const { return index(i) * ROWS + (second(i) ? rows : 0); }
    __device__ int last(int i) const { return rows - 1 + (second(i) ? rows : 0); }
    __device__ int whole() const { return (rows + ROWS - 1) / ROWS; }  // tiles of all CTAs, halves counted once
    __device__ int slot(int i) const { return index(i) + (second(i) ? whole() : 0); }
    __device__ int slots() const { return paired ? 2 * whole() : whole(); }
};

// Where this warp's chunk lies in the weights, and how many of its blocks are inside K. Offsets fit 32 bits.
struct Source {
    const u8* packed;
    const float* absmax;
    int k, columns, blocks;

    // Starts copying one tile's share of this warp into a stage; rows past `last` and k past K become zeros.
    // Unit u of 32 bytes of row r is stored at u ^ (r & 3): then the reads of a fragment, 8 bytes from each of four
    // rows, fall into different banks.
    __device__ __forceinline__ void fetch(u32 stage, int row, int last) const {
        const u32 lane = threadIdx.x % LANES, r = lane / 8, piece = lane % 8;
        const u32 half = columns / 2, scales = columns / 64;
        const u32 to = stage + r * CHUNK_BYTES + ((piece >> 1) ^ r) * 32 + (piece & 1) * 16;
        u32 at = (row + r) * half + k / 2 + piece * 16;
#pragma unroll
        for (int q = 0; q < ROWS / 4; q++, at += 4 * half) {
            const bool inside = piece < blocks * 2 && row + q * 4 + r <= last;
            copy_16(to + q * 4 * CHUNK_BYTES, packed + (inside ? at : 0), inside);
        }
        const u32 block = lane % BLOCKS;
        u32 scale_at = (row + lane / BLOCKS) * scales + k / 64 + block;
#pragma unroll
        for (int q = 0; q < 2; q++, scale_at += 8 * scales) {
            const bool inside = block < blocks && row + q * 8 + lane / BLOCKS <= last;
            copy_4(stage + WEIGHT_BYTES + q * 128 + lane * 4, absmax + (inside ? scale_at : 0), inside);
        }
    }
};

// Entry b of lane l: code[b >> 4] in the low half (the lower k) and code[b & 15] in the high half, at bank l.
__device__ void fill_table(const float* code) {
    for (int i = threadIdx.x; i < 256 * 8; i += blockDim.x) {
        const int entry = i / 8;
        const u32 pair = bf16_pair(__ldg(code + (entry >> 4)), __ldg(code + (entry & 15)));
        *reinterpret_cast<uint4*>(memory + entry * TABLE_STRIDE + (i % 8) * 16) = make_uint4(pair, pair, pair, pair);
    }
}

// This lane's activations: of token lane / 4 (+ 8), for every block the 16 k starting at 16 * (lane % 4).
// Tokens past the last repeat it; their sums are dropped.
__device__ __forceinline__ void load_activations(u32 (&b)[TOKEN_TILES][BLOCKS][8], const u16* x, const Source& source,
                                                 int tokens) {
    const int lane = threadIdx.x % LANES;
#pragma unroll
    for (int n = 0; n < TOKEN_TILES; n++) {
        const int token = min(n * 8 + lane / 4, tokens - 1);
        const u16* row = x + static_cast<u64>(token) * source.columns + source.k + (lane % 4) * 16;
#pragma unroll
        for (int block = 0; block < BLOCKS; block++) {
            uint4 low = make_uint4(0, 0, 0, 0), high = low;
            if (block < source.blocks) {
                low = load_16(row + block * 64);
                high = load_16(row + block * 64 + 8);
            }
            b[n][block][0] = low.x, b[n][block][1] = low.y, b[n][block][2] = low.z, b[n][block][3] = low.w;
            b[n][block][4] = high.x, b[n][block][5] = high.y, b[n][block][6] = high.z, b[n][block][7] = high.w;
        }
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

// sum[n] += this warp's share of tile x tokens, out of one stage.
__device__ __forceinline__ void accumulate(float (&sum)[TOKEN_TILES][4], const u8* stage,
                                           const u32 (&b)[TOKEN_TILES][BLOCKS][8]) {
    const int lane = threadIdx.x % LANES, g = lane / 4, t = lane % 4;
    u32 offset;
    asm volatile("shl.b32 %0, %1, 2;" : "=r"(offset) : "r"(lane));  // opaque, or it is computed again at each use
    const float* scales = reinterpret_cast<const float*>(stage + WEIGHT_BYTES) + g * BLOCKS;
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
        }
        const float upper = scales[block], lower = scales[8 * BLOCKS + block];
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            sum[n][0] = fmaf(part[n][0], upper, sum[n][0]);
            sum[n][1] = fmaf(part[n][1], upper, sum[n][1]);
            sum[n][2] = fmaf(part[n][2], lower, sum[n][2]);
            sum[n][3] = fmaf(part[n][3], lower, sum[n][3]);
        }
    }
}

// What becomes of a tile's sums. Each lane of the warp that settles them holds four per token tile, in the layout of the MMA's
// accumulator: rows lane / 4 and lane / 4 + 8, tokens 2 * (lane % 4) and the next.
struct Output {
    const u16* bias;
    const u16* residual;
    u16* y;
    float4* partial;  // [splits, tiles, TOKEN_TILES, 32]: what each CTA of a tile found, when there are several
    u32* arrivals;    // [groups]: how many CTAs of a group have published all; zero between launches
    int tokens, rows, splits, epilogue;

    __device__ __forceinline__ void store(int row, int token, float sum, float gate) const {
        if (token >= tokens || row >= rows) return;
        const u64 at = static_cast<u64>(token) * rows + row;
        if (epilogue == SILU_MULTIPLY) sum *= silu(gate);
        if (epilogue == ADD_RESIDUAL) sum += from_bf16(load_2(residual + at));
        y[at] = to_bf16(sum);
    }

    __device__ __forceinline__ void add_bias(float (&sum)[TOKEN_TILES][4], int row, int last) const {
        const int lane = threadIdx.x % LANES;
        if (bias == nullptr) return;
        const float upper = from_bf16(bias[min(row + lane / 4, last)]);
        const float lower = from_bf16(bias[min(row + lane / 4 + 8, last)]);
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            sum[n][0] += upper, sum[n][1] += upper, sum[n][2] += lower, sum[n][3] += lower;
        }
    }

    // Tile i is complete: with SILU_MULTIPLY the up projection's, and `gate` holds the gate's sums.
    __device__ __forceinline__ void store_tile(const Tiles& tiles, int i, float (&sum)[TOKEN_TILES][4],
                                               float (&gate)[TOKEN_TILES][4]) const {
        const int lane = threadIdx.x % LANES, row = tiles.index(i) * ROWS;
        add_bias(sum, tiles.start(i), tiles.last(i));
        if (tiles.paired) add_bias(gate, row, tiles.rows - 1);
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
#pragma unroll
            for (int c = 0; c < 4; c++) {
                store(row + lane / 4 + (c / 2) * 8, n * 8 + (lane % 4) * 2 + c % 2, sum[n][c], gate[n][c]);
            }
        }
    }

    __device__ __forceinline__ float4* share(int split, int slot, int slots) const {
        return partial + (static_cast<u64>(split) * slots + slot) * (TOKEN_TILES * LANES) + threadIdx.x % LANES;
    }

    __device__ __forceinline__ void publish(int slot, int slots, const float (&sum)[TOKEN_TILES][4]) const {
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            __stcg(share(blockIdx.y, slot, slots) + n * LANES,
                   make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]));
        }
    }

    __device__ __forceinline__ void add_splits(float (&sum)[TOKEN_TILES][4], int slot, int slots) const {
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            sum[n][0] = sum[n][1] = sum[n][2] = sum[n][3] = 0.f;
            for (int s = 0; s < splits; s++) add(sum[n], __ldcg(share(s, slot, slots) + n * LANES));
        }
    }

    // Tile i, complete but for the other CTAs' shares of k. The gate's sums wait in `held` for the up projection's, which
    // the next warp settles: one place is enough, since that warp is done before it lets the tile after be full.
    __device__ __forceinline__ void settle(const Tiles& tiles, int i, float (&sum)[TOKEN_TILES][4],
                                           float4* held) const {
        float gate[TOKEN_TILES][4] = {};
        if (splits > 1) {
            publish(tiles.slot(i), tiles.slots(), sum);
        } else if (tiles.paired && !tiles.second(i)) {
#pragma unroll
            for (int n = 0; n < TOKEN_TILES; n++) {
                held[n * LANES] = make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
            }
        } else {
#pragma unroll
            for (int n = 0; n < TOKEN_TILES; n++) {
                if (tiles.paired) add(gate[n], held[n * LANES]);
            }
            store_tile(tiles, i, sum, gate);
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
        const int stride = tiles.paired ? 2 : 1;
        for (int i = (threadIdx.x / LANES) * stride; i < tiles.count; i += warps * stride) {
            const int up = i + stride - 1;
            float sum[TOKEN_TILES][4], gate[TOKEN_TILES][4] = {};
            add_splits(sum, tiles.slot(up), tiles.slots());
            if (tiles.paired) add_splits(gate, tiles.slot(i), tiles.slots());
            store_tile(tiles, up, sum, gate);
        }
    }
};

// Sums are handed to the warp that settles a tile through two buffers: barrier 1 + i when buffer i is full, 3 + i when it
// has been taken. The numbers are immediates, or the compiler reserves all sixteen barriers. Turns must go by tile: a
// warp that settled two tiles running would skip two waits and arrive a round early (tests: test_handover.py).
__device__ __forceinline__ void arrive_full(int buffer) {
    if (buffer) asm volatile("bar.arrive 2, %0;" ::"r"(blockDim.x) : "memory");
    else asm volatile("bar.arrive 1, %0;" ::"r"(blockDim.x) : "memory");
}

__device__ __forceinline__ void await_full(int buffer) {
    if (buffer) asm volatile("bar.sync 2, %0;" ::"r"(blockDim.x) : "memory");
    else asm volatile("bar.sync 1, %0;" ::"r"(blockDim.x) : "memory");
}

__device__ __forceinline__ void arrive_taken(int buffer) {
    if (buffer) asm volatile("bar.arrive 4, %0;" ::"r"(blockDim.x) : "memory");
    else asm volatile("bar.arrive 3, %0;" ::"r"(blockDim.x) : "memory");
}

__device__ __forceinline__ void await_taken(int buffer) {
    if (buffer) asm volatile("bar.sync 4, %0;" ::"r"(blockDim.x) : "memory");
    else asm volatile("bar.sync 3, %0;" ::"r"(blockDim.x) : "memory");
}

// The weights of the product after this one, of which the first `bytes` are brought into L2 as soon as this kernel has
// no more of its own to ask for: the memory stays busy while this one ends and whatever comes between runs.
struct Ahead {
    const u8* packed;
    u32 bytes;

    __device__ __forceinline__ void prefetch(int warp, int warps) const {
        const u32 cta = blockIdx.y * gridDim.x + blockIdx.x, ctas = gridDim.x * gridDim.y;
        const u32 lines = bytes / 128, lane = threadIdx.x % LANES, step = ctas * warps * LANES;
        for (u32 line = (warp * ctas + cta) * LANES + lane; line < lines; line += step) {
            asm volatile("prefetch.global.L2 [%0];" ::"l"(packed + line * 128));
        }
    }
};

// A warp's life: it streams its chunk of every tile and hands over 16 rows x tokens of sums; the warps take turns at
// adding up a tile's sums while the others go on.
__device__ __forceinline__ void stream(const Source& source, const Tiles& tiles, const Ahead& ahead,
                                       const Output& output, const u16* x, const float* code, u8* ring, float4* sums,
                                       int warps) {
    const int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const u32 ring_address = shared_address(ring);
    constexpr int EARLY = STAGES - 1;  // one less than fits: the activations must not queue behind all the weights
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        if (i < tiles.count) source.fetch(ring_address + i * STAGE_BYTES, tiles.start(i), tiles.last(i));
        commit();
    }
    fill_table(code);
    allow_next_kernel();
    wait_for_last_kernel();
    u32 activations[TOKEN_TILES][BLOCKS][8];
    load_activations(activations, x, source, output.tokens);
    if (EARLY < tiles.count) {
        source.fetch(ring_address + EARLY * STAGE_BYTES, tiles.start(EARLY), tiles.last(EARLY));
    }
    commit();
    if (tiles.count <= STAGES) ahead.prefetch(warp, warps);
    __syncthreads();  // the table is filled

    int slot = 0;
    float4* held = sums + 2 * warps * TOKEN_TILES * LANES + lane;
    for (int i = 0; i < tiles.count; i++) {
        wait<STAGES - 1>();
        __syncwarp();
        float sum[TOKEN_TILES][4] = {};
        accumulate(sum, ring + slot * STAGE_BYTES, activations);
        __syncwarp();  // every lane has read the stage; refill it
        const int next = i + STAGES;
        if (next < tiles.count) source.fetch(ring_address + slot * STAGE_BYTES, tiles.start(next), tiles.last(next));
        commit();
        if (i > 0 && next == tiles.count) ahead.prefetch(warp, warps);
        slot = slot + 1 == STAGES ? 0 : slot + 1;

        const int buffer = i & 1;
        float4* of_tile = sums + buffer * warps * TOKEN_TILES * LANES + lane;
        if (i >= 2 && warp != (i - 2) % warps) await_taken(buffer);
#pragma unroll
        for (int n = 0; n < TOKEN_TILES; n++) {
            of_tile[(warp * TOKEN_TILES + n) * LANES] = make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
        }
        if (warp != i % warps) {
            arrive_full(buffer);
            continue;
        }
        await_full(buffer);
        float total[TOKEN_TILES][4] = {};
        for (int w = 0; w < warps; w++) {
#pragma unroll
            for (int n = 0; n < TOKEN_TILES; n++) add(total[n], of_tile[(w * TOKEN_TILES + n) * LANES]);
        }
        if (i + 2 < tiles.count) arrive_taken(buffer);
        output.settle(tiles, i, total, held);
    }
    if (output.splits > 1) output.finish(tiles, warps);
}

// gridDim = (groups of tiles, splits of k); blockDim = 32 * warps. `rows` is N, or N / 2 with SILU_MULTIPLY, where y has
// half as many columns as W has rows.
extern "C" __global__ void __launch_bounds__(MAX_WARPS* LANES, MIN_CTAS)
    nf4_linear(const u16* x, const u8* packed, const float* absmax, const float* code, const u16* bias,
               const u16* residual, u16* y, float4* partial, u32* arrivals, const u8* ahead, int ahead_bytes,
               int tokens, int rows, int columns, int epilogue) {
    const int warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
    const int first = blockIdx.x, step = gridDim.x, paired = epilogue == SILU_MULTIPLY;
    const int mine = ((rows + ROWS - 1) / ROWS - first + step - 1) / step;
    const Tiles tiles{first, step, paired ? mine * 2 : mine, paired, rows};
    const int k = (blockIdx.y * warps + warp) * BLOCKS * 64;
    const Source source{packed, absmax, k, columns, max(0, min(BLOCKS, (columns - k) / 64))};
    const Ahead after{ahead, static_cast<u32>(ahead_bytes)};
    const Output output{bias, residual, y, partial, arrivals, tokens, rows, static_cast<int>(gridDim.y), epilogue};
    u8* ring = memory + TABLE_BYTES + warp * STAGES * STAGE_BYTES;
    float4* sums = reinterpret_cast<float4*>(memory + TABLE_BYTES + warps * STAGES * STAGE_BYTES);
    stream(source, tiles, after, output, x, code, ring, sums, warps);
}
