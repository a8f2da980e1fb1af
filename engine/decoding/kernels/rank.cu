// Counts how many plain logits are higher than that of each token a record tells of and has not ranked yet. gridDim =
// (slices of the vocabulary, tokens); the counts come as 1.

struct Ranking {
    const u16* raw;
    Record* record;
    int vocabulary;
};

extern "C" __global__ void rank(const __grid_constant__ Ranking given) {
    allow_next_kernel();
    wait_for_last_kernel();
    Record* record = given.record;
    const int at = record->fresh + blockIdx.y;
    if (at >= record->count) return;
    const bool follows = record->kind != DRAFTS && record->following >= 0 && at == record->count - 1;
    const int row = record->row + (record->kind == DRAFTS ? 0 : follows ? record->kept : at);
    const u16* logits = given.raw + static_cast<u64>(row) * given.vocabulary;
    const float own = from_bf16(load_2(logits + record->tokens[at]));
    const int width = (given.vocabulary + gridDim.x - 1) / gridDim.x;
    const int from = blockIdx.x * width, to = min(from + width, given.vocabulary);
    int higher = 0;
    for (int i = from + threadIdx.x; i < to; i += blockDim.x) higher += from_bf16(load_2(logits + i)) > own;
    higher = block_sum(higher);
    if (threadIdx.x == 0 && higher) atomicAdd(record->ranks + at, higher);
}
