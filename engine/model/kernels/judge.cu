// Which proposed tokens stand, by engine/decoding/acceptance.py's rules, and the judge's own token after them.
//   owe      what the judge still owes at each position when the tokens before it stand: max(weight * own - guess, 0)
//            in fixed point, a slice of the vocabulary a CTA; behind the last token the law itself
//   diverge  for the fuzzy rule: how far the two plain laws lie apart, a CTA a position
//   decide   the verdict, the draw and the tape: one CTA
// A lookup proposes without laws: it was sure of every token.

constexpr int SLICES = 32;
constexpr int BLOCK = 0, TOKEN = 1, FUZZY = 2;

// What is judged. Lane i of a warp knows token i, its likelihoods and the weight behind the first i tokens.
struct Window {
    Board board;
    const float *guess, *own;  // laws, from the row of the first token on
    int mark, n, row, vocabulary, rule;

    __device__ __forceinline__ const float* law(int i) const { return own + static_cast<u64>(i) * vocabulary; }

    __device__ __forceinline__ float guessed(int i, int token) const {
        if (guess == nullptr) return token == board.tape[mark + i];
        return guess[static_cast<u64>(i) * vocabulary + token];
    }

    // What is owed at position i, of which `weight` is certain, if `token` comes next.
    __device__ __forceinline__ float owed(int i, float weight, int token) const {
        const float p = law(i)[token];
        if (i == n || rule == FUZZY) return p;
        return fmaxf(__fsub_rn(__fmul_rn(weight, p), guessed(i, token)), 0.f);
    }

    // How far the judge stands behind the first `lane` tokens: running products of p / q, capped at 1.
    __device__ float weight(float p, float q) const {
        if (rule != BLOCK) return 1.f;
        const int lane = threadIdx.x % LANES;
        const float ratio = q > 0.f ? p / q : 1.f;  // q is 0 only above a fuzzy judge
        float running = 1.f, own_weight = 1.f;
        for (int i = 0; i < n; i++) {
            running = fminf(running * __shfl_sync(0xffffffff, ratio, i), 1.f);
            if (lane == i + 1) own_weight = running;
        }
        return own_weight;
    }
};

__device__ __forceinline__ Window window(const Board& board, const float* guess, const float* own, int level, int rows,
                                         int vocabulary, int rule) {
    const int mark = board.state->starts[level - 1], row = mark - board.state->base;
    const int n = max(min(min(board.state->length - mark, MOST - 1), rows - row), 0);
    const u64 skipped = static_cast<u64>(row) * vocabulary;
    return {board, guess == nullptr ? nullptr : guess + skipped, own + skipped, mark, n, row, vocabulary, rule};
}

#define VERDICT_OF                                                                                                   \
    State *state, int *tape, int *first, const float *guess, const float *own, u64 *owed, float *apart, int level, \
        int rows, int vocabulary, int rule

// gridDim = (SLICES, rows); owed: [rows, SLICES].
extern "C" __global__ void owe(VERDICT_OF) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Window w = window({state, tape, first}, guess, own, level, rows, vocabulary, rule);
    const int i = blockIdx.y, lane = threadIdx.x % LANES;
    if (i > w.n || w.row + i >= rows) return;
    const int token = lane < w.n ? tape[w.mark + lane] : 0;
    const float p = lane < w.n ? w.law(lane)[token] : 1.f, q = lane < w.n ? w.guessed(lane, token) : 1.f;
    const float weight = __shfl_sync(0xffffffff, w.weight(p, q), i % LANES);
    const int width = (vocabulary + SLICES - 1) / SLICES;
    const int from = blockIdx.x * width, to = min(from + width, vocabulary);
    u64 mass = 0;
    for (int t = from + threadIdx.x; t < to; t += blockDim.x) mass += mass_of(w.owed(i, weight, t));
    mass = block_sum(mass);
    if (threadIdx.x == 0) owed[i * SLICES + blockIdx.x] = mass;
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

// (KL(m||p) + KL(m||q)) / 2 in nats with m = (p + q) / 2. What both rule out adds nothing. gridDim = (rows).
extern "C" __global__ void diverge(VERDICT_OF, const u16* guess_raw, const u16* own_raw) {
    allow_next_kernel();
    wait_for_last_kernel();
    const Window w = window({state, tape, first}, guess, own, level, rows, vocabulary, rule);
    const int i = blockIdx.x;
    if (i >= w.n) return;
    const u64 skipped = static_cast<u64>(w.row + i) * vocabulary;
    const u16 *a = own_raw + skipped, *b = guess_raw + skipped;
    const float of_a = normaliser(a, vocabulary), of_b = normaliser(b, vocabulary);
    const bool aligned = vocabulary % CHUNK == 0;
    float sum = 0.f;
    for (int at = threadIdx.x * CHUNK; at < vocabulary; at += blockDim.x * CHUNK) {
        float x[CHUNK], y[CHUNK];
        eight(a, at, vocabulary, aligned, x), eight(b, at, vocabulary, aligned, y);
#pragma unroll
        for (int i = 0; i < CHUNK; i++) {
            const float p = x[i] - of_a, q = y[i] - of_b, m = .5f * (expf(p) + expf(q));
            if (fmaxf(p, q) > nothing()) sum += m * (logf(fmaxf(m, 1e-38f)) - .5f * (p + q));
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) apart[i] = sum;
}

// How many tokens stand. A warp asks; lane i brings token i's likelihoods and the weight behind the first i.
__device__ int standing(const Window& w, float p, float q, float weight, const u64* owed, const float* apart,
                        float tau) {
    const int lane = threadIdx.x % LANES;
    const u64 counter = w.board.state->counter, seed = w.board.state->seed;
    if (w.rule == FUZZY) {
        const u32 falls = __ballot_sync(0xffffffff, lane < w.n && !(apart[min(lane, w.n)] <= tau));  // a NaN, too
        return falls ? __ffs(falls) - 1 : w.n;
    }
    const float coin = philox(seed, counter + lane).unit();
    if (w.rule == TOKEN) {
        const u32 falls = __ballot_sync(0xffffffff, lane < w.n && __fmul_rn(coin, q) >= p);
        return falls ? __ffs(falls) - 1 : w.n;
    }
    bool passes = false;  // lane i: the first i tokens may stand
    const float before = __shfl_up_sync(0xffffffff, coin, 1);
    if (lane > 0 && lane < w.n) {
        u64 mass = 0;
        for (int s = 0; s < SLICES; s++) mass += owed[lane * SLICES + s];
        const float surplus = static_cast<float>(mass) / STEPS, rest = surplus + 1.f - weight;
        passes = before < (rest > 0.f ? surplus / rest : 1.f);
    } else if (lane > 0 && lane == w.n) {
        passes = before < weight;
    }
    const u32 stands = __ballot_sync(0xffffffff, passes);
    return stands ? LANES - 1 - __clz(stands) : 0;
}

struct Decision {
    int kept;
    float weight;  // what is certain of the position behind them
    bool further;  // a token of the judge's own may follow all
};

// A token of what is owed behind the tokens that stand; of the judge's law where rounding leaves nothing.
__device__ int follow(const Window& w, const Decision& decision, const u64* owed, u64 dice) {
    const u64* masses = owed + decision.kept * SLICES;
    const u64 total = block_sum(threadIdx.x < SLICES ? masses[threadIdx.x] : 0ull);
    const int width = (w.vocabulary + SLICES - 1) / SLICES;
    if (total) {
        u64 share = __umul64hi(dice, total);
        const int from = slice_of(masses, SLICES, share) * width;
        return locate(from, min(from + width, w.vocabulary), share,
                      [&](int t) { return mass_of(w.owed(decision.kept, decision.weight, t)); });
    }
    const float* law = w.law(decision.kept);
    u64 all = 0;
    for (int t = threadIdx.x; t < w.vocabulary; t += blockDim.x) all += mass_of(law[t]);
    return locate(0, w.vocabulary, __umul64hi(dice, block_sum(all)), [&](int t) { return mass_of(law[t]); });
}

extern "C" __global__ void decide(VERDICT_OF, Record* record, float tau, int bonus, int top) {
    __shared__ Decision decision;
    allow_next_kernel();
    wait_for_last_kernel();
    const Board board{state, tape, first};
    const Window w = window(board, guess, own, level, rows, vocabulary, rule);
    const u64 dice = philox(state->seed, state->counter + w.n).wide();
    if (threadIdx.x < LANES) {
        const int lane = threadIdx.x, token = lane < w.n ? tape[w.mark + lane] : 0;
        const float p = lane < w.n ? w.law(lane)[token] : 1.f, q = lane < w.n ? w.guessed(lane, token) : 1.f;
        const float weight = w.weight(p, q);
        const int kept = standing(w, p, q, weight, owed, apart, tau);
        if (lane < w.n) record->tokens[lane] = token, record->probabilities[lane] = p, record->ranks[lane] = 1;
        if (lane == kept)
            decision = {kept, kept < w.n ? weight : 1.f, !board.full() && (w.n == 0 || bonus) && w.row + w.n < rows};
    }
    __syncthreads();
    const int kept = decision.kept;
    const int following = kept < w.n || decision.further ? follow(w, decision, owed, dice) : -1;
    if (threadIdx.x) return;
    state->counter += w.n + 1;
    record->kind = VERDICT, record->kept = kept, record->following = following, record->row = w.row;
    record->count = w.n, record->fresh = 0;
    state->length = w.mark + kept;
    if (following >= 0) {
        board.append(following);
        record->tokens[w.n] = following, record->probabilities[w.n] = w.law(kept)[following], record->ranks[w.n] = 1;
        record->count = w.n + 1;
    }
    for (int i = 0; i < level; i++) state->starts[i] = state->length;
    if (top) state->base = state->length;
    record->ends[0] = now();
}
