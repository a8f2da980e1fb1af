// What a drafter of blocks needs beside the passes and draws of all: its first rows, and what the token before says.

// The rows a block begins with: the newest token's, and `mask` in all others. gridDim = rows.
extern "C" __global__ void open_block(uint4* hidden, const uint4* embedding, const uint4* mask, int* start,
                                      const State* state, const int* tape, Record* record, int pieces, int known) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int newest = max(state->length - 1, 0);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        *start = newest;
        record->began = now();
    }
    const int token = min(max(tape[newest], 0), known - 1);
    const uint4* from = blockIdx.x ? mask : embedding + static_cast<u64>(token) * pieces;
    for (int i = threadIdx.x; i < pieces; i += blockDim.x) hidden[static_cast<u64>(blockIdx.x) * pieces + i] = from[i];
}

__device__ __forceinline__ float product_of(const uint4& a, const uint4& b) {
    const u32 left[4] = {a.x, a.y, a.z, a.w}, right[4] = {b.x, b.y, b.z, b.w};
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < 4; i++)
        sum += low_of(left[i]) * low_of(right[i]) + high_of(left[i]) * high_of(right[i]);
    return sum;
}

// Adds what the tape's newest token says of the next to the logits of that row: a warp a column at a time. `pieces`:
// of 8 numbers, a row of both tables; more than a lane's go round.
extern "C" __global__ void lean(u16* logits, const int* start, const State* state, const int* tape, const uint4* rows,
                                const uint4* spread, const u32* idle, int tokens, int columns, int pieces, int known) {
    allow_next_kernel();
    const int lane = threadIdx.x % LANES, warps = gridDim.x * (blockDim.x / LANES);
    const int first = blockIdx.x * (blockDim.x / LANES) + threadIdx.x / LANES;
    wait_for_last_kernel();
    const int index = state->length - 1 - *start;
    if (rests(idle) || index < 0 || index >= tokens) return;
    const uint4* row = rows + static_cast<u64>(min(max(tape[state->length - 1], 0), known - 1)) * pieces;
    u16* own = logits + static_cast<u64>(index) * columns;
    for (int column = first; column < columns; column += warps) {
        float sum = 0.f;
        for (int i = lane; i < pieces; i += LANES)
            sum += product_of(row[i], __ldg(spread + static_cast<u64>(column) * pieces + i));
        sum = warp_sum(sum);
        if (lane == 0) own[column] = to_bf16(from_bf16(own[column]) + sum);
    }
}

// Lets the drafter rest where it is less sure of the next token than `least`. One CTA. `states`: a row of each token,
// of `width` numbers; `weight`: of those, then of `rank` numbers looked up by the newest token, where there are any.
extern "C" __global__ void doubt(const u16* states, const int* start, State* state, const int* tape, const u16* rows,
                                 const float* weight, const float* bias, int tokens, int width, int rank, int known,
                                 float least) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int index = state->length - 1 - *start;
    if (state->idle || index < 0 || index >= tokens) return;
    const u16* own = states + static_cast<u64>(index) * width;
    const u16* row = rows + static_cast<u64>(min(max(tape[state->length - 1], 0), known - 1)) * rank;
    float sum = 0.f;
    for (int i = threadIdx.x; i < width; i += blockDim.x) sum += from_bf16(own[i]) * weight[i];
    for (int i = threadIdx.x; i < rank; i += blockDim.x) sum += from_bf16(row[i]) * weight[width + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0 && 1.f / (1.f + expf(-sum - bias[0])) < least) state->idle = 1;
}
