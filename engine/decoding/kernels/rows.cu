// How a pass begins: rows of a table, by the tape's last tokens or by their positions. A CTA a token.

__device__ __forceinline__ void copy_row(uint4* to, const uint4* from, int pieces) {
    for (int i = threadIdx.x; i < pieces; i += blockDim.x) to[i] = from[i];
}

// The position of this CTA's token. The first CTA tells `start` and the time; `idle`: not while the drafter rests.
__device__ __forceinline__ int begin(const State* state, int* start, Record* record, bool idle) {
    const bool rests = idle && state->idle != 0;
    const int from = rests ? *start : max(state->length - static_cast<int>(gridDim.x), 0);
    if (blockIdx.x == 0 && threadIdx.x == 0 && !rests) {
        *start = from;
        if (record != nullptr) record->began = now();
    }
    return from + blockIdx.x;
}

extern "C" __global__ void open_pass(uint4* hidden, const uint4* embedding, int* start, const State* state,
                                     const int* tape, Record* record, int room, int pieces, int known, int idle) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int position = begin(state, start, record, idle);
    const int token = min(max(tape[min(position, room - 1)], 0), known - 1);
    copy_row(hidden + static_cast<u64>(blockIdx.x) * pieces, embedding + static_cast<u64>(token) * pieces, pieces);
}

extern "C" __global__ void recall(uint4* hidden, const uint4* ring, int* start, const State* state, const int*,
                                  Record* record, int, int pieces, int, int) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int position = begin(state, start, record, false);
    copy_row(hidden + static_cast<u64>(blockIdx.x) * pieces, ring + static_cast<u64>(position % RING) * pieces, pieces);
}

extern "C" __global__ void keep(const uint4* hidden, uint4* ring, const int* start, const State* state, const int*,
                                Record*, int, int pieces, int, int idle) {
    allow_next_kernel();
    wait_for_last_kernel();
    if (idle && state->idle) return;
    const int position = *start + blockIdx.x;
    copy_row(ring + static_cast<u64>(position % RING) * pieces, hidden + static_cast<u64>(blockIdx.x) * pieces, pieces);
}

// Row j of a drafter that pairs what the target made of a token with the token behind it: the states of position p + j
// from every ring, and the embedding of position p + j + 1, the tape's last one in the last row. A CTA for each row and
// thing to copy. `starts`: p and p + 1; `apart`: the states of one ring together, otherwise those of one row.
extern "C" __global__ void open_rows(uint4* hidden, uint4* states, const uint4* embedding, const uint4* ring0,
                                     const uint4* ring1, const uint4* ring2, const uint4* ring3, const uint4* ring4,
                                     const uint4* ring5, const uint4* ring6, const uint4* ring7, int* starts,
                                     const State* state, const int* tape, Record* record, int room, int pieces,
                                     int known, int state_pieces, int apart, int idle) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int rows = gridDim.x, row = blockIdx.x, what = blockIdx.y, rings = gridDim.y - 1;
    const bool rests = idle && state->idle != 0;
    const int from = rests ? starts[0] : max(state->length - 1 - rows, 0);
    if (row == 0 && what == 0 && threadIdx.x == 0 && !rests) {
        starts[0] = from, starts[1] = from + 1;
        if (record != nullptr) record->began = now();
    }
    if (what == 0) {
        const int token = min(max(tape[min(from + row + 1, room - 1)], 0), known - 1);
        copy_row(hidden + static_cast<u64>(row) * pieces, embedding + static_cast<u64>(token) * pieces, pieces);
        return;
    }
    const uint4* of[MOST_TAPS] = {ring0, ring1, ring2, ring3, ring4, ring5, ring6, ring7};
    const u64 to = apart ? static_cast<u64>(what - 1) * rows + row : static_cast<u64>(row) * rings + what - 1;
    copy_row(states + to * state_pieces, of[what - 1] + static_cast<u64>((from + row) % RING) * state_pieces,
             state_pieces);
}
