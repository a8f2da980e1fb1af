// Splits the joined projection into query, key and value; norms query and key heads where the model asks for it; turns
// them by their position (arXiv 2104.09864, halves layout) and writes key and value into the cache. A warp for each
// token and head, HEAD_DIM (a multiple of 64) from the command line; fp32 throughout, rounded once.

constexpr int HALF = HEAD_DIM / 2;
constexpr int PAIRS = HALF / LANES;  // (i, i + HALF) of a lane: i = lane, lane + 32, ...

struct Head {
    float low[PAIRS], high[PAIRS];

    __device__ __forceinline__ void load(const u16* from) {
        const int lane = threadIdx.x % LANES;
#pragma unroll
        for (int p = 0; p < PAIRS; p++) {
            low[p] = from_bf16(load_2(from + p * LANES + lane));
            high[p] = from_bf16(load_2(from + p * LANES + lane + HALF));
        }
    }

    __device__ __forceinline__ void norm(const u16* weight, float eps) {
        const int lane = threadIdx.x % LANES;
        float sum = 0.f;
#pragma unroll
        for (int p = 0; p < PAIRS; p++) sum += low[p] * low[p] + high[p] * high[p];
        const float factor = rsqrtf(warp_sum(sum) / HEAD_DIM + eps);
#pragma unroll
        for (int p = 0; p < PAIRS; p++) {
            low[p] *= factor * from_bf16(weight[p * LANES + lane]);
            high[p] *= factor * from_bf16(weight[p * LANES + lane + HALF]);
        }
    }

    // `cosine` and `sine` are a position's rows of the tables; the first half of `sine` carries its minus.
    __device__ __forceinline__ void turn(const u16* cosine, const u16* sine) {
        const int lane = threadIdx.x % LANES;
#pragma unroll
        for (int p = 0; p < PAIRS; p++) {
            const int at = p * LANES + lane;
            const float l = low[p], h = high[p];
            low[p] = l * from_bf16(cosine[at]) + h * from_bf16(sine[at]);
            high[p] = h * from_bf16(cosine[at + HALF]) + l * from_bf16(sine[at + HALF]);
        }
    }

    __device__ __forceinline__ void store(u16* to) const {
        const int lane = threadIdx.x % LANES;
#pragma unroll
        for (int p = 0; p < PAIRS; p++) {
            to[p * LANES + lane] = to_bf16(low[p]);
            to[p * LANES + lane + HALF] = to_bf16(high[p]);
        }
    }
};

// gridDim = (tokens, heads + 2 * kv_heads over warps of a CTA). `start`: the first token's position, on the device.
extern "C" __global__ void rotate(const u16* qkv, const u16* cosine, const u16* sine, const u16* query_norm,
                                  const u16* key_norm, const int* start, const u32* idle, u16* query, u16* keys,
                                  u16* values, int heads, int kv_heads, int room, float eps) {
    wait_for_last_kernel();
    allow_next_kernel();  // not before: `attend` reads older positions at once, and now all that wrote them is complete
    const int token = blockIdx.x, head = blockIdx.y * (blockDim.x / LANES) + threadIdx.x / LANES;
    const int all = heads + 2 * kv_heads;
    if (head >= all || rests(idle)) return;
    const u64 position = *reinterpret_cast<const volatile int*>(start) + token;
    Head part;
    part.load(qkv + (static_cast<u64>(token) * all + head) * HEAD_DIM);
    const bool is_query = head < heads, is_value = head >= heads + kv_heads;
    const u16* norm = is_query ? query_norm : key_norm;
    if (!is_value && norm != nullptr) part.norm(norm, eps);
    if (!is_value) part.turn(cosine + position * HEAD_DIM, sine + position * HEAD_DIM);
    if (is_query) return part.store(query + (static_cast<u64>(token) * heads + head) * HEAD_DIM);
    const int kv_head = (head - heads) % kv_heads;
    part.store((is_value ? values : keys) + (static_cast<u64>(kv_head) * room + position) * HEAD_DIM);
}
