// The memory that stages share, as board.py and record.py lay it out, and the rules of the tape. What is written in
// capitals and not said here comes from sources.py.

struct Settings {
    float temperature;
    int top_k;
    float top_p, min_p, penalty;
    int limit, start, end_count, ends[MOST_ENDS];
};

struct State {
    u64 key;
    int length, base, idle, spare, starts[LEVELS], windows[LEVELS];
    Settings settings;
};

struct Record {
    int kind, count, kept, following, row, fresh;  // fresh: the first token whose rank is not counted yet
    u64 began;
    int tokens[MOST];
    float probabilities[MOST];
    int ranks[MOST];
    int own[MOST];     // of a lenient verdict: the judge's choice in the place of each proposed token,
    float lags[MOST];  // and by how much its plain logits favour that
    u64 begins[MOST], ends[MOST];
};

struct Board {
    State* state;
    int* tape;
    int* first;

    __device__ __forceinline__ bool occurs(int token, int position) const {  // on the tape before `position`
        const int at = first[token];
        return at < position && tape[at] == token;
    }

    // A logit of `position` after the repetition penalty: positive ones divided, others multiplied (CTRL, 2019).
    __device__ __forceinline__ float penalised(float logit, int token, int position) const {
        const float penalty = state->settings.penalty;
        if (penalty == 1.f || !occurs(token, position)) return logit;
        return logit > 0 ? logit / penalty : logit * penalty;
    }

    __device__ bool full() const {
        const Settings& s = state->settings;
        const int length = state->length;
        if (length >= s.limit) return true;
        if (length <= s.start) return false;
        for (int i = 0; i < s.end_count; i++)
            if (tape[length - 1] == s.ends[i]) return true;
        return false;
    }

    // Whether a fallback has nothing to do: something was proposed since its production began.
    __device__ bool proposed(int level) const { return level > 0 && state->length > state->starts[level]; }

    __device__ void append(int token) const {
        const int at = state->length;
        if (!occurs(token, at)) first[token] = at;
        tape[at] = token;
        state->length = at + 1;
    }
};

__device__ __forceinline__ u64 now() {
    u64 nanoseconds;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(nanoseconds));
    return nanoseconds;
}
