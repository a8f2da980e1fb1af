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

struct Rows {
    uint4 *hidden, *table;  // rows of so many `pieces`; the table has `known` of them, or is a ring
    int* start;
    const State* state;
    const int* tape;  // of `room` tokens
    Record* record;
    int room, pieces, known, idle;

    __device__ __forceinline__ uint4* token() const { return hidden + static_cast<u64>(blockIdx.x) * pieces; }

    __device__ __forceinline__ uint4* row(int index) const { return table + static_cast<u64>(index) * pieces; }
};

extern "C" __global__ void open_pass(const __grid_constant__ Rows given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int position = begin(given.state, given.start, given.record, given.idle);
    const int token = min(max(given.tape[min(position, given.room - 1)], 0), given.known - 1);
    copy_row(given.token(), given.row(token), given.pieces);
}

extern "C" __global__ void recall(const __grid_constant__ Rows given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int position = begin(given.state, given.start, given.record, given.idle);
    copy_row(given.token(), given.row(position % RING), given.pieces);
}

extern "C" __global__ void keep(const __grid_constant__ Rows given) {
    allow_next_kernel();
    wait_for_last_kernel();
    if (given.idle && given.state->idle) return;
    const int position = *given.start + blockIdx.x;
    copy_row(given.row(position % RING), given.token(), given.pieces);
}

struct HeadRows {
    uint4 *hidden, *states;  // rows of so many `pieces`, of so many `state_pieces`
    const uint4* embedding;  // `known` rows
    const uint4 *ring0, *ring1, *ring2, *ring3, *ring4, *ring5, *ring6, *ring7;
    int* starts;
    const State* state;
    const int* tape;  // of `room` tokens
    Record* record;
    int room, pieces, known, state_pieces, apart, idle, placed;
};

// Row j of a drafter that pairs what the target made of a token with the token behind it: the states of position p + j
// from every ring, and the embedding of position p + j + 1, the tape's last one in the last row. A CTA for each row and
// thing to copy. `starts`: p and p + 1; `apart`: the states of one ring together, otherwise those of one row. `placed`:
// p is what `starts` says, and stays.
extern "C" __global__ void open_rows(const __grid_constant__ HeadRows given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const int rows = gridDim.x, row = blockIdx.x, what = blockIdx.y, rings = gridDim.y - 1;
    const bool rests = given.placed || (given.idle && given.state->idle != 0);
    const int from = rests ? given.starts[0] : max(given.state->length - 1 - rows, 0);
    if (row == 0 && what == 0 && threadIdx.x == 0 && !rests) {
        given.starts[0] = from, given.starts[1] = from + 1;
        if (given.record != nullptr) given.record->began = now();
    }
    if (what == 0) {
        const int token = min(max(given.tape[min(from + row + 1, given.room - 1)], 0), given.known - 1);
        const int pieces = given.pieces;
        uint4* to = given.hidden + static_cast<u64>(row) * pieces;
        copy_row(to, given.embedding + static_cast<u64>(token) * pieces, pieces);
        return;
    }
    const uint4* of[MOST_TAPS] = {given.ring0, given.ring1, given.ring2, given.ring3,
                                  given.ring4, given.ring5, given.ring6, given.ring7};
    const int pieces = given.state_pieces;
    const u64 to = given.apart ? static_cast<u64>(what - 1) * rows + row : static_cast<u64>(row) * rings + what - 1;
    copy_row(given.states + to * pieces, of[what - 1] + static_cast<u64>((from + row) % RING) * pieces, pieces);
}
