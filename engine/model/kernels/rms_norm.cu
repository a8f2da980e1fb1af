// y = x / sqrt(mean(x^2) + eps) * weight, a CTA for each token, rounded once (arXiv 1910.07467). width % 8 == 0.

constexpr int MOST_WARPS = 32;

__device__ __forceinline__ float square_sum(uint4 v) {
    float sum = 0.f;
    const u32 pairs[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) sum += low_of(pairs[i]) * low_of(pairs[i]) + high_of(pairs[i]) * high_of(pairs[i]);
    return sum;
}

__device__ __forceinline__ u32 scaled(u32 pair, u32 weight, float factor) {
    return bf16_pair(low_of(pair) * factor * low_of(weight), high_of(pair) * factor * high_of(weight));
}

// The sum of every thread's value, in the order of warps; the same in all threads.
__device__ float block_sum(float value) {
    __shared__ float of_warp[MOST_WARPS];
    value = warp_sum(value);
    if (threadIdx.x % LANES == 0) of_warp[threadIdx.x / LANES] = value;
    __syncthreads();
    float sum = 0.f;
    for (int w = 0; w < blockDim.x / LANES; w++) sum += of_warp[w];
    return sum;
}

extern "C" __global__ void rms_norm(const u16* x, const u16* weight, u16* y, int width, float eps) {
    allow_next_kernel();
    wait_for_last_kernel();
    const u16* from = x + static_cast<u64>(blockIdx.x) * width;
    u16* to = y + static_cast<u64>(blockIdx.x) * width;
    float sum = 0.f;
    for (int i = threadIdx.x * 8; i < width; i += blockDim.x * 8) sum += square_sum(load_16(from + i));
    const float factor = rsqrtf(block_sum(sum) / width + eps);
    for (int i = threadIdx.x * 8; i < width; i += blockDim.x * 8) {
        const uint4 v = load_16(from + i), w = *reinterpret_cast<const uint4*>(weight + i);
        *reinterpret_cast<uint4*>(to + i) = make_uint4(scaled(v.x, w.x, factor), scaled(v.y, w.y, factor),
                                                       scaled(v.z, w.z, factor), scaled(v.w, w.w, factor));
    }
}
