// What a drafter of blocks needs beside the passes and draws of all: its first rows, and what the token before says.

struct BlockRows {
    uint4* hidden;           // rows of so many `pieces`
    const uint4* embedding;  // `known` rows
    const uint4* mask;       // a row
    int* start;
    const State* state;
    const int* tape;
    Record* record;
    int pieces, known;
};

// The rows a block begins with: the newest token's, and `mask` in all others. gridDim = rows.
extern "C" __global__ void open_block(const __grid_constant__ BlockRows given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int newest = max(given.state->length - 1, 0);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        *given.start = newest;
        given.record->began = now();
    }
    const int token = min(max(given.tape[newest], 0), given.known - 1);
    const uint4* from = blockIdx.x ? given.mask : given.embedding + static_cast<u64>(token) * given.pieces;
    uint4* to = given.hidden + static_cast<u64>(blockIdx.x) * given.pieces;
    for (int i = threadIdx.x; i < given.pieces; i += blockDim.x) to[i] = from[i];
}

__device__ __forceinline__ float product_of(const uint4& a, const uint4& b) {
    const u32 left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < 4; i++)
        sum += low_of(left[i]) * low_of(right[i]) + high_of(left[i]) * high_of(right[i]);
    return sum;
}

struct Leaning {
    u16* logits;  // [tokens, columns]
    const int* start;
    const State* state;
    const int* tape;
    const uint4 *rows, *spread;  // of so many `pieces`: `known` rows, `columns` rows
    const u32* idle;
    int tokens, columns, pieces, known;
};

// Adds what the tape's newest token says of the next to the logits of that row: a warp a column at a time. `pieces`:
// of 8 numbers, a row of both tables; more than a lane's go round.
extern "C" __global__ void lean(const __grid_constant__ Leaning given) {
    allow_next_kernel();
    const int lane = threadIdx.x % LANES, warps = gridDim.x * (blockDim.x / LANES);
    const int first = blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES;
    wait_for_last_kernel();
    const int index = given.state->length - 1 - *given.start;
    if (rests(given.idle) || index < 0 || index >= given.tokens) return;
    const int newest = min(max(given.tape[given.state->length - 1], 0), given.known - 1);
    const uint4* row = given.rows + static_cast<u64>(newest) * given.pieces;
    u16* own = given.logits + static_cast<u64>(index) * given.columns;
    for (int column = first; column < given.columns; column += warps) {
        float sum = 0.f;
        for (int i = lane; i < given.pieces; i += LANES)
            sum += product_of(row[i], __ldg(given.spread + static_cast<u64>(column) * given.pieces + i));
        sum = warp_sum(sum);
        if (lane == 0) own[column] = to_bf16(from_bf16(own[column]) + sum);
    }
}

struct Doubt {
    const u16* states;  // [tokens, width]
    const int* start;
    State* state;
    const int* tape;
    const u16* rows;  // [known, rank]
    const float *weight, *bias;
    int tokens, width, rank, known;
    float least;
};

// Lets the drafter rest where it is less sure of the next token than `least`. One CTA. `states`: a row of each token,
// of `width` numbers; `weight`: of those, then of `rank` numbers looked up by the newest token, where there are any.
extern "C" __global__ void doubt(const __grid_constant__ Doubt given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int index = given.state->length - 1 - *given.start;
    if (given.state->idle || index < 0 || index >= given.tokens) return;
    const u16* own = given.states + static_cast<u64>(index) * given.width;
    const int newest = min(max(given.tape[given.state->length - 1], 0), given.known - 1);
    const u16* row = given.rows + static_cast<u64>(newest) * given.rank;
    float sum = 0.f;
    for (int i = threadIdx.x; i < given.width; i += blockDim.x) sum += from_bf16(own[i]) * given.weight[i];
    for (int i = threadIdx.x; i < given.rank; i += blockDim.x) sum += from_bf16(row[i]) * given.weight[given.width + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0 && 1.f / (1.f + expf(-sum - given.bias[0])) < given.least) given.state->idle = 1;
}
