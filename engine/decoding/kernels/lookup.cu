// What followed the tape's ending where that occurred before, as engine/decoding/matching.py has it: the longest match
// wins, among equals the latest. A CTA; the first warp writes, lane i token i.

constexpr int PLACES = 24;  // bits of a place on the tape, below those of a match's length

__device__ __forceinline__ u64 best_match(const int* tape, int length, int longest, int shortest) {
    const int last = length > 0 ? tape[length - 1] : -1;
    u64 best = 0;
    for (int end = threadIdx.x + 1; end < length; end += blockDim.x) {
        if (tape[end - 1] != last) continue;
        int matched = 1;
        while (matched < min(longest, end) && tape[end - 1 - matched] == tape[length - 1 - matched]) matched++;
        if (matched >= shortest) best = Higher()(best, static_cast<u64>(matched) << PLACES | end);
    }
    return block_joined(best, Higher());
}

struct Copying {
    State* state;
    int *tape, *first;
    Record* record;
    int longest, shortest, most;
};

extern "C" __global__ void look_up(const __grid_constant__ Copying given) {
    allow_next_kernel();
    wait_for_last_kernel();
    State* state = given.state;
    Record* record = given.record;
    int* tape = given.tape;
    const u64 began = now();
    const Board board{state, tape, given.first};
    const Settings& settings = state->settings;
    const int length = state->length, lane = threadIdx.x;
    const u64 best = best_match(tape, length, given.longest, given.shortest);
    if (lane >= LANES) return;
    const int end = static_cast<int>(best & ((1u << PLACES) - 1));
    const int room = best && !board.full() ? min(min(min(given.most, state->windows[0]), settings.limit - length), length - end) : 0;
    const int token = lane < room ? tape[end + lane] : -1 - lane;
    bool ends = false;
    for (int i = 0; i < settings.end_count; i++) ends |= token == settings.ends[i];
    const u32 ending = __ballot_sync(0xffffffff, ends && lane < room);
    const int count = ending ? __ffs(ending) : room;
    const bool leads = __ffs(__match_any_sync(0xffffffff, token)) - 1 == lane;  // the first such token of the copy
    const u64 since = __shfl_sync(0xffffffff, began, 0), ended = __shfl_sync(0xffffffff, now(), 0);
    if (lane < count) {
        if (leads && !board.occurs(token, length)) given.first[token] = length + lane;
        record->tokens[lane] = token, record->probabilities[lane] = 1.f, record->ranks[lane] = 1;
        record->begins[lane] = since, record->ends[lane] = ended;
        tape[length + lane] = token;
    }
    __syncwarp();
    if (lane != 0) return;
    record->kind = DRAFTS, record->count = record->fresh = count;
    state->starts[0] = length, state->length = length + count;
}
