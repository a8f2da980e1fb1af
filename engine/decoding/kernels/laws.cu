// Logits to laws and to the token drawn from each, in five steps that stay on the device:
//   survey  the highest logit of every slice; the plain logits go to `raw`
//   weigh   exp((logit - highest) / temperature) in fixed point, summed a slice, and binned by distance from it
//   gather  the logits of the bin in which top-k (or without it top-p) ends
//   choose  the least logit that top-k and top-p keep, and what is kept in all: a CTA a row
//   race    which of the tokens kept arrives first: the draw; and the law's entropy, a slice
// then `draw` puts it on the tape, and `rank` counts how many logits were higher. Masses are integers, so their sums have
// no order and ties are ties; float sums keep one order. A row is SLICES slices of columns, a CTA each.

constexpr float ONE = 0x1p44f;  // a weight of 1 in fixed point: 2^18 of them fit
constexpr int HELD = 16, CANDIDATES = HELD * 256;  // that a thread of `choose` holds, and all of them
constexpr int BINS = 512;
constexpr float BINS_A_NAT = 16.f;  // weights behind the last bin's edge have no mass

struct Row {  // scratch of one row
    u64 best[SLICES];    // key of the highest logit, then the lowest column that has it
    u64 mass[SLICES];    // of all weights
    u64 likely[SLICES];  // of those min-p keeps
    float entropy[SLICES];
    u64 bin_mass[BINS];
    u32 bin_count[BINS];
    u32 keys[CANDIDATES];  // of one bin's logits, in any order
    int taken;             // so many
};
static_assert(sizeof(Row) <= ROW_BYTES, "sources.ROW_BYTES");

// One row's task, as every kernel here reads it from the same arguments.
struct Pass {
    const u16* logits;
    const int* ids;
    Shaped* shaped;
    u16* raw;
    Row* row;
    Board board;
    int position, index, count, vocabulary;
    bool wanted;

    __device__ __forceinline__ int token(int column) const { return ids == nullptr ? column : ids[column]; }

    __device__ __forceinline__ bool whole() const { return vocabulary % CHUNK == 0; }

    // Logits of columns at..at+7, -inf past the last.
    __device__ __forceinline__ void plain(int at, bool aligned, float (&x)[CHUNK]) const {
        eight(logits, at, count, aligned, x);
    }

    // The same after the repetition penalty.
    __device__ __forceinline__ void penalised(int at, bool aligned, float (&x)[CHUNK]) const {
        plain(at, aligned, x);
        if (board.state->settings.penalty == 1.f) return;
#pragma unroll
        for (int i = 0; i < CHUNK; i++)
            if (at + i < count) x[i] = board.penalised(x[i], token(at + i), position);
    }

    __device__ __forceinline__ u64 best() const {
        u64 key = row->best[threadIdx.x % LANES];
#pragma unroll
        for (int step = LANES / 2; step; step /= 2) key = Higher()(key, __shfl_xor_sync(0xffffffff, key, step));
        return key;
    }

    // All the law goes to the highest logit: as asked, or because it is NaN or infinite and nothing can be weighed.
    __device__ __forceinline__ bool greedy() const { return board.state->settings.temperature == 0.f || !numbers(); }

    __device__ __forceinline__ bool numbers() const {
        const u32 key = static_cast<u32>(best() >> 32);
        return key > key_of(nothing()) && key < key_of(-nothing());
    }
};

struct Drawing {
    const u16* logits;  // [tokens, columns], of which `count` are columns of the vocabulary
    const int* start;
    State* state;
    int *tape, *first;
    const int* ids;  // the tokens they speak of; null: all
    Shaped* shaped;
    u16* raw;  // [rows, vocabulary]
    u8* scratch;
    Record* record;
    int tokens, columns, count, vocabulary, rows, mode;
    float most;  // entropy that stops the drafting behind a token
    int settled, level;  // who drafts: above 0 only where nothing was proposed
};

__device__ __forceinline__ Pass pass_of(const Drawing& given) {
    const Board board{given.state, given.tape, given.first};
    const int index = given.mode == SHAPE ? blockIdx.y : given.state->length - 1 - *given.start;
    const int position = *given.start + index + 1, row = position - given.state->base;
    const bool rests = given.mode == NEXT ? given.state->idle != 0 : given.mode == FIRST && (board.full() || board.proposed(given.level));
    return {given.logits + static_cast<u64>(max(index, 0)) * given.columns,
            given.ids,
            given.shaped + max(row, 0),
            given.raw + static_cast<u64>(max(row, 0)) * given.vocabulary,
            reinterpret_cast<Row*>(given.scratch + static_cast<u64>(blockIdx.y) * ROW_BYTES),
            board,
            position,
            row,
            given.count,
            given.vocabulary,
            !rests && row >= 0 && row < given.rows && index >= 0 && index < given.tokens};
}

struct Span {
    int from, to;
};

__device__ __forceinline__ Span slice(int count, int index) {  // whole chunks but for the last
    const int width = (count + SLICES * CHUNK - 1) / (SLICES * CHUNK) * CHUNK;
    return {min(index * width, count), min((index + 1) * width, count)};
}

// The key of a logit; of a NaN, whatever its sign, the highest there is.
__device__ __forceinline__ u32 rank_of(float logit) {
    const u32 bits = __float_as_uint(logit);
    return (bits & 0x7fffffffu) > 0x7f800000u ? 0xffffffffu : key_of(logit);
}

extern "C" __global__ void survey(const __grid_constant__ Drawing given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Pass pass = pass_of(given);
    if (!pass.wanted) return;
    for (int bin = blockIdx.x + threadIdx.x * SLICES; bin < BINS; bin += blockDim.x * SLICES)
        pass.row->bin_mass[bin] = 0, pass.row->bin_count[bin] = 0;
    if (blockIdx.x == 0 && threadIdx.x == 0) pass.row->taken = 0, pass.shaped->first = 0;
    const bool aligned = given.columns % CHUNK == 0;
    const Span own = slice(given.count, blockIdx.x);
    u64 best = 0;
    for (int at = own.from + threadIdx.x * CHUNK; at < own.to; at += blockDim.x * CHUNK) {
        float x[CHUNK];
        if (given.ids == nullptr) {
            pass.plain(at, aligned, x);
            if (pass.whole()) {
                *reinterpret_cast<uint4*>(pass.raw + at) = make_uint4(bf16_pair(x[0], x[1]), bf16_pair(x[2], x[3]),
                                                                      bf16_pair(x[4], x[5]), bf16_pair(x[6], x[7]));
            } else {
                for (int i = 0; i < CHUNK && at + i < given.count; i++) pass.raw[at + i] = to_bf16(x[i]);
            }
        }
        pass.penalised(at, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++)
            if (at + i < given.count)
                best = Higher()(best, static_cast<u64>(rank_of(x[i])) << 32 | ~static_cast<u32>(at + i));
    }
    best = block_joined(best, Higher());
    if (threadIdx.x == 0) pass.row->best[blockIdx.x] = best;
    if (given.ids == nullptr) return;
    const Span all = slice(given.vocabulary, blockIdx.x);  // the next step fills in what the columns speak of
    for (int token = all.from + threadIdx.x; token < all.to; token += blockDim.x) pass.raw[token] = to_bf16(nothing());
}

// Rises as the logit falls, so that a bin is an interval of keys.
__device__ __forceinline__ int bin_of(float logit, float highest, float coolness) {
    return static_cast<int>(fminf((highest - logit) * coolness * BINS_A_NAT, BINS - 1.f));
}

__device__ __forceinline__ u64 weight_mass(float weight) { return __float2ull_rz(weight * ONE); }

// The nucleus of `total` reaches no column of less mass than this: all such together weigh less than it leaves out.
__device__ __forceinline__ u64 least_near(float top_p, u64 total, int count) {
    const double spare = (1. - top_p) * static_cast<double>(total) / count;
    return spare < 2. ? 0 : static_cast<u64>(spare) - 1;
}

extern "C" __global__ void weigh(const __grid_constant__ Drawing given) {
    __shared__ u64 bin_mass[BINS];
    __shared__ u32 bin_count[BINS];
    allow_next_kernel();
    wait_for_last_kernel();
    const Pass pass = pass_of(given);
    if (!pass.wanted) return;
    const Settings& s = given.state->settings;
    const bool aligned = given.columns % CHUNK == 0;
    const Span own = slice(given.count, blockIdx.x);
    if (given.ids != nullptr)
        for (int i = own.from + threadIdx.x; i < own.to; i += blockDim.x)
            pass.raw[given.ids[i]] = load_2(pass.logits + i);
    if (pass.greedy()) return;
    const float highest = value_of(static_cast<u32>(pass.best() >> 32)), coolness = 1.f / s.temperature;
    const bool by_count = s.top_k > 0 && s.top_k < given.count, narrowed = by_count || s.top_p < 1.f;
    const float bound = static_cast<float>(least_near(s.top_p, static_cast<u64>(ONE), given.count)) / ONE;
    const int last = !narrowed ? -1 : by_count || bound == 0.f ? BINS : static_cast<int>(-logf(bound) * BINS_A_NAT) + 1;
    for (int bin = threadIdx.x; bin < BINS; bin += blockDim.x) bin_mass[bin] = 0, bin_count[bin] = 0;
    __syncthreads();
    u64 mass = 0, likely = 0;
    for (int at = own.from + threadIdx.x * CHUNK; at < own.to; at += blockDim.x * CHUNK) {
        float x[CHUNK];
        pass.penalised(at, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const float w = weight(x[i], highest, coolness);
            const u64 m = at + i < given.count ? weight_mass(w) : 0;
            mass += m;
            likely += w >= s.min_p ? m : 0;
            const int bin = bin_of(x[i], highest, coolness);
            if (at + i < given.count && bin <= last) atomicAdd(bin_mass + bin, m), atomicAdd(bin_count + bin, 1u);
        }
    }
    mass = block_sum(mass), likely = block_sum(likely);  // the bins are complete behind it, too
    for (int bin = threadIdx.x; bin < BINS; bin += blockDim.x)
        if (bin_count[bin])
            atomicAdd(pass.row->bin_mass + bin, bin_mass[bin]), atomicAdd(pass.row->bin_count + bin, bin_count[bin]);
    if (threadIdx.x == 0) pass.row->mass[blockIdx.x] = mass, pass.row->likely[blockIdx.x] = likely;
}

// Where the search for a row's least kept logit begins. All of a CTA's threads ask and get the same.
struct Goal {
    bool by_count, wanted;
    u64 total, target;  // of the weights, and what all kept ones must reach: of columns or of weights
    int bin;            // that in which they reach it

    __device__ __forceinline__ u64 measure(const Row* row, int i) const {
        return by_count ? row->bin_count[i] : row->bin_mass[i];
    }
};

__device__ __forceinline__ u64 nucleus(float top_p, u64 total) {
    return static_cast<u64>(ceil(static_cast<double>(top_p) * static_cast<double>(total)));
}

__device__ Goal goal_of(const Row* row, const Settings& s, int count) {
    Goal goal{s.top_k > 0 && s.top_k < count};
    goal.wanted = goal.by_count || s.top_p < 1.f;
    goal.total = block_sum(threadIdx.x < SLICES ? row->mass[threadIdx.x] : 0ull);
    goal.target = goal.by_count ? s.top_k : nucleus(s.top_p, goal.total);
    goal.bin = goal.wanted ? locate(0, BINS, goal.target - 1, [&](int i) { return goal.measure(row, i); }) : -1;
    return goal;
}

extern "C" __global__ void gather(const __grid_constant__ Drawing given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Pass pass = pass_of(given);
    if (!pass.wanted || pass.greedy()) return;
    const Goal goal = goal_of(pass.row, given.state->settings, given.count);
    if (!goal.wanted || goal.bin < 0 || pass.row->bin_count[goal.bin] > CANDIDATES) return;
    const float highest = value_of(static_cast<u32>(pass.best() >> 32));
    const float coolness = 1.f / given.state->settings.temperature;
    const bool aligned = given.columns % CHUNK == 0;
    const Span own = slice(given.count, blockIdx.x);
    for (int at = own.from + threadIdx.x * CHUNK; at < own.to; at += blockDim.x * CHUNK) {
        float x[CHUNK];
        pass.penalised(at, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++)
            if (at + i < given.count && bin_of(x[i], highest, coolness) == goal.bin)
                pass.row->keys[atomicAdd(&pass.row->taken, 1)] = key_of(x[i]);
    }
}

// The search for the least key t for which what lies above t has not reached a target yet: everything from t on is
// kept. Halves an interval (low, high] of keys over the whole row until its columns fit a CTA's registers, then there.
struct Search {
    const Pass& pass;
    bool aligned, by_count;
    float highest, coolness;
    u32 low, high;
    u64 above, above_mass;  // measure and mass beyond `high`
    long long inside;       // at most so many columns in the interval

    __device__ __forceinline__ u64 mass(u32 key) const {
        return weight_mass(weight(value_of(key), highest, coolness));
    }

    // Sums over the columns with keys in (from, to]; the whole CTA calls.
    __device__ void sweep(u32 from, u32 to, u64& mass_of, u64& columns_of) const {
        u64 sum = 0, n = 0;
        for (int at = threadIdx.x * CHUNK; at < pass.count; at += blockDim.x * CHUNK) {
            float x[CHUNK];
            pass.penalised(at, aligned, x);
#pragma unroll
            for (int i = 0; i < CHUNK; i++) {
                const u32 key = key_of(x[i]);
                if (at + i < pass.count && key > from && key <= to) sum += mass(key), n++;
            }
        }
        mass_of = block_sum(sum), columns_of = block_sum(n);
    }

    __device__ __forceinline__ u32 middle() const {  // halfway between the values while that tells them apart
        const u32 key = key_of(.5f * value_of(low) + .5f * value_of(high));
        return key > low && key < high ? key : low + (high - low) / 2;
    }

    __device__ __forceinline__ void narrow(u32 at, u64 measure, u64 mass, long long columns, u64 target) {
        if (above + measure < target) {
            high = at, above += measure, above_mass += mass, inside -= columns;
        } else {
            low = at, inside = columns;
        }
    }

    // All keys of the interval into `keys`; how many there are.
    __device__ int collect(u32* keys) const {
        __shared__ int taken;
        if (threadIdx.x == 0) taken = 0;
        __syncthreads();
        for (int begin = 0; begin < pass.count; begin += blockDim.x * CHUNK) {
            const int at = begin + threadIdx.x * CHUNK;
            float x[CHUNK];
            pass.penalised(at, aligned, x);
            u32 hits = 0;
#pragma unroll
            for (int i = 0; i < CHUNK; i++) {
                const u32 key = key_of(x[i]);
                hits |= (at + i < pass.count && key > low && key <= high) << i;
            }
            if (!__any_sync(0xffffffff, hits != 0)) continue;
            const int own = __popc(hits), upto = static_cast<int>(up_to_lane(own));
            int to = 0;
            if (threadIdx.x % LANES == LANES - 1) to = atomicAdd(&taken, upto);
            to = __shfl_sync(0xffffffff, to, LANES - 1) + upto - own;
#pragma unroll
            for (int i = 0; i < CHUNK; i++)
                if (hits >> i & 1) keys[to++] = key_of(x[i]);
        }
        __syncthreads();
        return taken;
    }

    // The least key kept and the mass of all from it on.
    __device__ __noinline__ u32 run(u64 target, u64& kept, u32* keys) {
        while (inside > CANDIDATES && high - low > 1) {
            const u32 at = middle();
            u64 mass, columns;
            sweep(at, high, mass, columns);
            narrow(at, by_count ? columns : mass, mass, columns, target);
        }
        if (inside > CANDIDATES) {  // one value, too many times
            u64 mass, columns;
            sweep(low, high, mass, columns);
            kept = above_mass + mass;
            return high;
        }
        return among(keys, collect(keys), target, kept);
    }

    // The same where `keys` are all of the interval.
    __device__ u32 among(const u32* keys, int n, u64 target, u64& kept) {
        u32 own[HELD];
        u64 weighs[HELD];
        for (int i = 0; i < HELD; i++) {
            const int at = i * blockDim.x + threadIdx.x;
            own[i] = at < n ? keys[at] : 0;
            weighs[i] = at < n ? mass(own[i]) : 0;
        }
        const u32 ceiling = high;
        while (high - low > 1) {
            const u32 at = low + (high - low) / 2;
            u64 measure = 0;
            for (int i = 0; i < HELD; i++)
                if (own[i] > at && own[i] <= high) measure += by_count ? 1 : weighs[i];
            measure = block_sum(measure);
            narrow(at, measure, 0, 0, target);
        }
        u64 rest = 0;
        for (int i = 0; i < HELD; i++)
            if (own[i] >= high && own[i] <= ceiling) rest += weighs[i];
        kept = above_mass + block_sum(rest);
        return high;
    }
};

// The search within one bin, whose keys have been gathered.
__device__ u32 within(Search& search, const Row* row, const Goal& goal, u64& kept) {
    const bool before = threadIdx.x < goal.bin, also = threadIdx.x + blockDim.x < goal.bin;  // two bins a thread
    const int second = threadIdx.x + blockDim.x;
    search.above = block_sum((before ? goal.measure(row, threadIdx.x) : 0) + (also ? goal.measure(row, second) : 0));
    search.above_mass = block_sum((before ? row->bin_mass[threadIdx.x] : 0) + (also ? row->bin_mass[second] : 0));
    u64 least = 0, most = 0;  // `least` upside down, since 0 is neutral
    for (int i = threadIdx.x; i < row->taken; i += blockDim.x)
        least = Higher()(least, ~row->keys[i]), most = Higher()(most, row->keys[i]);
    search.low = ~static_cast<u32>(block_joined(least, Higher())) - 1;
    search.high = static_cast<u32>(block_joined(most, Higher()));
    return search.among(row->keys, row->taken, goal.target, kept);
}

extern "C" __global__ void choose(const __grid_constant__ Drawing given) {
    __shared__ u32 keys[CANDIDATES];
    allow_next_kernel();
    wait_for_last_kernel();
    const Pass pass = pass_of(given);
    if (!pass.wanted || pass.greedy()) return;
    const Settings& s = given.state->settings;
    const u64 likely = block_sum(threadIdx.x < SLICES ? pass.row->likely[threadIdx.x] : 0ull);
    const Goal goal = goal_of(pass.row, s, given.count);
    const u32 top = static_cast<u32>(pass.best() >> 32), bottom = key_of(nothing()) - 1;
    const bool aligned = given.columns % CHUNK == 0;
    const float coolness = 1.f / s.temperature;
    const Search whole{pass, aligned, goal.by_count, value_of(top), coolness, bottom, top, 0, 0, given.count};
    u64 kept = goal.total;
    u32 least = bottom + 1;
    if (goal.wanted) {
        Search near = whole, far = whole;  // only the latter's address is taken
        const bool gathered = goal.bin >= 0 && pass.row->bin_count[goal.bin] <= CANDIDATES;
        least = gathered ? within(near, pass.row, goal, kept) : far.run(goal.target, kept, keys);
    }
    if (goal.by_count && s.top_p < 1.f) {
        Search search = whole;
        search.by_count = false, search.low = least - 1;
        search.inside = s.top_k + pass.row->bin_count[max(goal.bin, 0)];  // ties are of one bin
        least = search.run(nucleus(s.top_p, kept), kept, keys);
    }
    if (threadIdx.x) return;
    pass.shaped->winner = -1, pass.shaped->highest = value_of(top), pass.shaped->least = value_of(least);
    pass.shaped->scale = ONE / static_cast<float>(min(kept, likely));  // one of the two sets holds the other
}

extern "C" __global__ void race(const __grid_constant__ Drawing given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Pass pass = pass_of(given);
    if (!pass.wanted) return;
    const Settings& s = given.state->settings;
    if (pass.greedy()) {
        const int winner = pass.token(static_cast<int>(~static_cast<u32>(pass.best())));
        const float sure = pass.numbers() ? 1.f : NO_NUMBERS;  // whole warps ask
        if (threadIdx.x == 0) pass.row->entropy[blockIdx.x] = 0.f;
        if (threadIdx.x == 0 && blockIdx.x == 0)
            *pass.shaped = {arrival(0.f, winner), 0.f, sure, 0.f, winner};
        return;
    }
    const bool aligned = given.columns % CHUNK == 0;
    const float highest = pass.shaped->highest, coolness = 1.f / s.temperature;
    const float least = pass.shaped->least, scale = pass.shaped->scale;
    const Span own = slice(given.count, blockIdx.x);
    Noise noise(given.state->key, pass.position);
    u64 earliest = 0;
    float entropy = 0.f;
    for (int at = own.from + threadIdx.x * CHUNK; at < own.to; at += blockDim.x * CHUNK) {
        float x[CHUNK];
        pass.penalised(at, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const float w = weight(x[i], highest, coolness), p = w * scale;
            if (at + i >= given.count || x[i] < least || w < s.min_p || p == 0.f) continue;
            const int token = pass.token(at + i);
            earliest = Higher()(earliest, arrival(noise.of(token) / w, token));
            entropy -= p * logf(p);
        }
    }
    earliest = block_joined(earliest, Higher()), entropy = block_sum(entropy);
    if (threadIdx.x) return;
    atomicMax(&pass.shaped->first, earliest);
    pass.row->entropy[blockIdx.x] = entropy;
}

// The tape's next token. `most`: entropy that stops the drafting behind it. One thread.
extern "C" __global__ void draw(const __grid_constant__ Drawing given) {
    allow_next_kernel();
    wait_for_last_kernel();
    State* state = given.state;
    Record* record = given.record;
    const Pass pass = pass_of(given);
    if (given.mode == FIRST) {
        record->kind = DRAFTS, record->count = 0;
        if (given.level == 0) state->starts[0] = state->length;
    }
    record->fresh = record->count;
    if (pass.wanted) {
        const int token = pass.shaped->choice(), at = min(record->count, MOST - 1);
        float entropy = 0.f;
        for (int i = 0; i < SLICES; i++) entropy += pass.row->entropy[i];
        record->row = pass.index;
        record->tokens[at] = token, record->ranks[at] = 1;
        record->probabilities[at] = pass.shaped->probability(pass.board, pass.raw, token, pass.position);
        record->begins[at] = record->began, record->ends[at] = now();
        record->count = at + 1, record->fresh = at;
        pass.board.append(token);
        state->idle = entropy > given.most || record->count >= state->windows[given.level] || pass.board.full();
    } else {
        state->idle = 1;
    }
    if (!given.settled) return;
    state->base = state->length;
    for (int i = 0; i < LEVELS; i++) state->starts[i] = state->length;
}
