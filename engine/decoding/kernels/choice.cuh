// The noise that tokens are drawn with, what is kept of a law, and sums over a CTA whose order never moves.

constexpr int MOST_WARPS = 32;

__device__ __forceinline__ float nothing() { return __uint_as_float(0xff800000u); }  // the logit of what cannot be

constexpr int CHUNK = 8;  // columns a thread takes at a time

// Logits of columns at..at+7 of a row, -inf from `count` on; `aligned`: the row begins at a multiple of 16 bytes.
__device__ __forceinline__ void eight(const u16* logits, int at, int count, bool aligned, float (&x)[CHUNK]) {
    if (aligned && at + CHUNK <= count) {
        const uint4 v = load_16(logits + at);
        const u32 pairs[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int i = 0; i < CHUNK; i++) x[i] = i % 2 ? high_of(pairs[i / 2]) : low_of(pairs[i / 2]);
    } else {
#pragma unroll
        for (int i = 0; i < CHUNK; i++) x[i] = at + i < count ? from_bf16(load_2(logits + at + i)) : nothing();
    }
}

struct Words {
    u32 x[4];

    __device__ __forceinline__ u32 of(int token) const {
        const u32 low = token & 1 ? x[1] : x[0], high = token & 1 ? x[3] : x[2];
        return token & 2 ? high : low;
    }
};

// Philox4x32-10 (Salmon et al., SC 2011).
__device__ __noinline__ Words philox(u64 key, u32 low, u32 high) {
    u32 x0 = low, x1 = high, x2 = 0, x3 = 0;
    u32 k0 = static_cast<u32>(key), k1 = static_cast<u32>(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        const u64 a = static_cast<u64>(0xD2511F53u) * x0, b = static_cast<u64>(0xCD9E8D57u) * x2;
        x0 = static_cast<u32>(b >> 32) ^ x1 ^ k0, x1 = static_cast<u32>(b);
        x2 = static_cast<u32>(a >> 32) ^ x3 ^ k1, x3 = static_cast<u32>(a);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return {{x0, x1, x2, x3}};
}

// The noise of one position, as noise.py has it: an exponential for every token. Neighbours share a turn of Philox.
struct Noise {
    u64 key;
    u32 position, turn;
    Words words;

    __device__ Noise(u64 key, int position) : key(key), position(position), turn(~0u), words() {}

    __device__ __forceinline__ float of(int token) {
        if (turn != token / 4u) words = philox(key, turn = token / 4u, position);
        const float uniform = fmaf(static_cast<float>(words.of(token)), 0x1p-32f, 0x1p-33f);
        return -log1pf(-fminf(uniform, 1.f - 0x1p-24f));
    }
};

// Unsigned integers in the order of the floats; both zeros are one.
__device__ __forceinline__ u32 key_of(float value) {
    const u32 bits = __float_as_uint(value + 0.f);
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

__device__ __forceinline__ float value_of(u32 key) {
    return __uint_as_float(key ^ (key >> 31 ? 0x80000000u : 0xffffffffu));
}

struct Plus {
    template <class T>
    __device__ __forceinline__ T operator()(T a, T b) const {
        return a + b;
    }
};

struct Higher {
    __device__ __forceinline__ u64 operator()(u64 a, u64 b) const { return a > b ? a : b; }
};

// Every thread's value joined, the same in all threads; 0 must be neutral.
template <class T, class Join>
__device__ T block_joined(T value, Join join) {
    __shared__ T of_warp[MOST_WARPS];
#pragma unroll
    for (int step = LANES / 2; step; step /= 2) value = join(value, __shfl_xor_sync(0xffffffff, value, step));
    if (threadIdx.x % LANES == 0) of_warp[threadIdx.x / LANES] = value;
    __syncthreads();
    const int lane = threadIdx.x % LANES;
    value = lane < blockDim.x / LANES ? of_warp[lane] : T(0);
#pragma unroll
    for (int step = LANES / 2; step; step /= 2) value = join(value, __shfl_xor_sync(0xffffffff, value, step));
    __syncthreads();
    return value;
}

template <class T>
__device__ __forceinline__ T block_sum(T value) {
    return block_joined(value, Plus());
}

__device__ __forceinline__ u64 up_to_lane(u64 value) {  // sum of this lane's and those below
#pragma unroll
    for (int step = 1; step < LANES; step *= 2) {
        const u64 below = __shfl_up_sync(0xffffffff, value, step);
        if (threadIdx.x % LANES >= step) value += below;
    }
    return value;
}

// The first i of from..to-1 where the sum of mass(from)..mass(i) exceeds `share`; -1 if none does. A whole CTA asks.
template <class Mass>
__device__ int locate(int from, int to, u64 share, Mass mass) {
    __shared__ u64 of_warp[MOST_WARPS];
    __shared__ int found;
    const int each = (to - from + blockDim.x - 1) / blockDim.x, warp = threadIdx.x / LANES;
    const int begin = from + threadIdx.x * each, end = min(begin + each, to);
    u64 own = 0;
    for (int i = begin; i < end; i++) own += mass(i);
    u64 upto = up_to_lane(own);
    if (threadIdx.x % LANES == LANES - 1) of_warp[warp] = upto;
    if (threadIdx.x == 0) found = -1;
    __syncthreads();
    for (int w = 0; w < warp; w++) upto += of_warp[w];
    if (upto - own <= share && share < upto) {
        u64 sum = upto - own;
        int i = begin;
        while ((sum += mass(i)) <= share) i++;
        found = i;
    }
    __syncthreads();
    return found;
}

__device__ __forceinline__ float weight(float logit, float highest, float coolness) {
    return expf((logit - highest) * coolness);
}

// What a level keeps of the law of one position, beside the logits.
struct Shaped {
    u64 first;      // of the race: the time of the first token and that token, upside down
    float highest;  // logit, of weight 1
    float scale;    // weight to probability
    float least;    // logit that is kept
    int winner;     // the token that has all of it, -1 where several share

    __device__ __forceinline__ int choice() const { return static_cast<int>(~static_cast<u32>(first)); }

    __device__ float probability(const Board& board, const u16* raw, int token, int position) const {
        if (winner >= 0) return token == winner ? scale : 0.f;
        const Settings& s = board.state->settings;
        const float x = board.penalised(from_bf16(load_2(raw + token)), token, position);
        const float w = weight(x, highest, 1.f / s.temperature);
        return x >= least && w >= s.min_p ? w * scale : 0.f;
    }
};

__device__ __forceinline__ u64 arrival(float time, int token) {  // the highest is the earliest, then the lowest token
    return ~(static_cast<u64>(__float_as_uint(time)) << 32 | static_cast<u32>(token));
}
