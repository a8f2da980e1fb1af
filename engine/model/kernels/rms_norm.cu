// y = x / sqrt(mean(x^2) + eps) * weight, a CTA for each token, rounded once (arXiv 1910.07467). width % 8 == 0. A
// thread keeps PIECES times 8 values, blockDim.x * 8 apart, so that x is read once, and the weight before x is there.
// Rows of y are `stride` apart.

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

extern "C" __global__ void rms_norm(const u16* x, const u16* weight, const u32* idle, u16* y, int width, int stride,
                                    float eps) {
    const u64 row = static_cast<u64>(blockIdx.x) * width;
    uint4 v[PIECES], w[PIECES];
    allow_next_kernel();
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        const int at = (p * blockDim.x + threadIdx.x) * 8;
        v[p] = w[p] = make_uint4(0, 0, 0, 0);
        if (at < width) w[p] = load_16(weight + at);
    }
    wait_for_last_kernel();
    const bool resting = rests(idle);
    float sum = 0.f;
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        const int at = (p * blockDim.x + threadIdx.x) * 8;
        if (at < width) v[p] = load_16(x + row + at);
        sum += square_sum(v[p]);
    }
    if (resting) return;
    const float factor = rsqrtf(block_sum(sum) / width + eps);
#pragma unroll
    for (int p = 0; p < PIECES; p++) {
        const int at = (p * blockDim.x + threadIdx.x) * 8;
        if (at >= width) continue;
        *reinterpret_cast<uint4*>(y + static_cast<u64>(blockIdx.x) * stride + at) =
            make_uint4(scaled(v[p].x, w[p].x, factor), scaled(v[p].y, w[p].y, factor),
                       scaled(v[p].z, w[p].z, factor), scaled(v[p].w, w[p].w, factor));
    }
}
