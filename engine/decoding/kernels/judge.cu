// Which proposed tokens stand, by engine/decoding/acceptance.py's rules, and the judge's own choice after them.
//   diverge   for the rule "fuzzy": how far the two plain laws lie apart, a CTA a position
//   surprise  for "likely": how unlikely the judge finds the token
//   hesitate  for "trusted": how far the proposer's likeliest token is from being certain
//   decide    the verdict and the tape: a warp

// What is judged: `n` tokens of the tape from `mark` on; the first has row `row` of its judge's memory.
struct Window {
    int mark, n, row;
};

__device__ __forceinline__ Window window(const State* state, int level, int rows) {
    const int mark = state->starts[level - 1], row = mark - state->base;
    return {mark, max(min(min(state->length - mark, MOST - 1), rows - row), 0), row};
}

// The logarithm of the sum of a row's exponentials: each thread's about its own highest, then all about the highest.
__device__ float normaliser(const u16* logits, int vocabulary) {
    const bool aligned = vocabulary % CHUNK == 0;
    float highest = nothing(), sum = 0.f;
    for (int at = threadIdx.x * CHUNK; at < vocabulary; at += blockDim.x * CHUNK) {
        float x[CHUNK], top = highest;
        eight(logits, at, vocabulary, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) top = fmaxf(top, x[i]);
        if (top == nothing()) continue;
        sum *= expf(highest - top);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) sum += expf(x[i] - top);
        highest = top;
    }
    const float top = value_of(static_cast<u32>(block_joined<u64>(key_of(highest), Higher())));
    return top + logf(block_sum(highest == nothing() ? 0.f : sum * expf(highest - top)));
}

struct Judgement {
    State* state;
    int *tape, *first;
    const Shaped* shaped;
    const u16 *raw, *guess;  // plain logits, the judge's and those of the level below
    float* far;              // how far each position is from what the judge would do, unless the rule is exact
    Record* record;
    int level, rows, vocabulary;
    float tau;
    int bonus, top, rule;

    __device__ __forceinline__ Window window() const { return ::window(state, level, rows); }
};

// (KL(m||p) + KL(m||q)) / 2 in nats with m = (p + q) / 2. What both rule out adds nothing. gridDim = (rows).
extern "C" __global__ void diverge(const __grid_constant__ Judgement given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Window w = given.window();
    const int i = blockIdx.x;
    if (i >= w.n) return;
    const u64 skipped = static_cast<u64>(w.row + i) * given.vocabulary;
    const u16 *a = given.raw + skipped, *b = given.guess + skipped;
    const float of_a = normaliser(a, given.vocabulary), of_b = normaliser(b, given.vocabulary);
    const bool aligned = given.vocabulary % CHUNK == 0;
    float sum = 0.f;
    for (int at = threadIdx.x * CHUNK; at < given.vocabulary; at += blockDim.x * CHUNK) {
        float x[CHUNK], y[CHUNK];
        eight(a, at, given.vocabulary, aligned, x), eight(b, at, given.vocabulary, aligned, y);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const float p = x[i] - of_a, q = y[i] - of_b, m = .5f * (expf(p) + expf(q));
            if (fmaxf(p, q) > nothing()) sum += m * (logf(fmaxf(m, 1e-38f)) - .5f * (p + q));
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) given.far[i] = sum;
}

// -log p of the token, in nats. gridDim = (rows).
extern "C" __global__ void surprise(const __grid_constant__ Judgement given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Window w = given.window();
    const int i = blockIdx.x;
    if (i >= w.n) return;
    const u16* own = given.raw + static_cast<u64>(w.row + i) * given.vocabulary;
    const float all = normaliser(own, given.vocabulary);
    if (threadIdx.x == 0) given.far[i] = all - from_bf16(load_2(own + given.tape[w.mark + i]));
}

// The highest logit and its column, as an integer in the order of the logits; but for column `left_out`.
__device__ u64 likeliest(const u16* logits, int vocabulary, int left_out) {
    const bool aligned = vocabulary % CHUNK == 0;
    u64 best = 0;
    for (int at = threadIdx.x * CHUNK; at < vocabulary; at += blockDim.x * CHUNK) {
        float x[CHUNK];
        eight(logits, at, vocabulary, aligned, x);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const u64 key = static_cast<u64>(key_of(x[i])) << 32 | static_cast<u32>(at + i);
            if (at + i != left_out && at + i < vocabulary) best = max(best, key);
        }
    }
    return block_joined(best, Higher());
}

// 1 less what the proposer's likeliest token leads the next by. gridDim = (rows).
extern "C" __global__ void hesitate(const __grid_constant__ Judgement given) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Window w = given.window();
    const int i = blockIdx.x;
    if (i >= w.n) return;
    const u16* guess = given.guess + static_cast<u64>(w.row + i) * given.vocabulary;
    const float all = normaliser(guess, given.vocabulary);
    const u64 first = likeliest(guess, given.vocabulary, -1);
    const u64 second = likeliest(guess, given.vocabulary, static_cast<int>(static_cast<u32>(first)));
    const float p = expf(value_of(first >> 32) - all), q = expf(value_of(second >> 32) - all);
    if (threadIdx.x == 0) given.far[i] = 1.f - (p - q);
}

// What a rule makes of the measures of a window's positions, lane i the i-th: see engine/decoding/acceptance.py.
__device__ float joined(float measure, int rule, int lane) {
    constexpr float memory = .2f;
    float sofar = 0.f, own = measure;
    for (int i = 0; i < LANES; i++) {
        const float each = __shfl_sync(0xffffffff, measure, i);
        if (rule == LIKELY) sofar = memory * sofar + (1.f - memory) * each;
        if (rule == TRUSTED) sofar = fmaxf(sofar, each);
        if (i == lane && rule != FUZZY) own = sofar;
    }
    return own;
}

// Lane i knows token i, the judge's choice there and what it gives the token.
extern "C" __global__ void decide(const __grid_constant__ Judgement given) {
    allow_next_kernel();
    wait_for_last_kernel();
    State* state = given.state;
    Record* record = given.record;
    const Board board{state, given.tape, given.first};
    const Window w = given.window();
    const int lane = threadIdx.x, row = min(w.row + lane, given.rows - 1), position = w.mark + lane;
    const bool proposed = lane < w.n, lenient = given.rule != EXACT;
    const int token = proposed ? given.tape[position] : 0, choice = given.shaped[row].choice();
    const float far = lenient ? joined(proposed ? given.far[lane] : 0.f, given.rule, lane) : 0.f;
    const bool falls = token != choice && !(lenient && far <= given.tau);  // a NaN, too
    const u32 fallen = __ballot_sync(0xffffffff, proposed && falls);
    const int kept = fallen ? __ffs(fallen) - 1 : w.n;
    const bool further = !board.full() && (w.n == 0 || given.bonus) && w.row + w.n < given.rows;
    const bool follows = lane == kept && (kept < w.n || further);
    const u16* logits = given.raw + static_cast<u64>(row) * given.vocabulary;
    if (proposed) {
        record->tokens[lane] = token, record->ranks[lane] = 1;
        record->probabilities[lane] = given.shaped[row].probability(board, logits, token, position);
    }
    if (proposed && lenient) {
        record->own[lane] = choice;
        record->lags[lane] = from_bf16(load_2(logits + choice)) - from_bf16(load_2(logits + token));
    }
    if (follows) {
        record->tokens[w.n] = choice, record->ranks[w.n] = 1;
        record->probabilities[w.n] = given.shaped[row].probability(board, logits, choice, position);
    }
    __syncwarp();  // below the tape changes
    if (lane != kept) return;
    record->kind = lenient ? LENIENT : VERDICT;
    record->kept = kept, record->following = follows ? choice : -1, record->row = w.row;
    record->count = w.n + follows, record->fresh = 0;
    state->length = w.mark + kept;
    if (follows) board.append(choice);
    for (int i = 0; i < (given.top ? LEVELS : given.level); i++) state->starts[i] = state->length;
    if (given.top) state->base = state->length;
    record->ends[0] = now();
}
