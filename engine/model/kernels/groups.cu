// A matrix in groups of 32 as bf16 [N, K], for products with many tokens. Bytes and scales as groups.py lays them out:
// a thread takes 8 bytes, eight weights of each of a block's two groups.

__device__ __forceinline__ uint4 weights(u32 codes, u32 pair) {
    const float scale = low_half(pair), minimum = high_half(pair);
    u32 made[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const float first = static_cast<float>(codes >> (8 * i + 4) & 15), second = static_cast<float>(codes >> 8 * i & 15);
        made[i] = bf16_pair(fmaf(first, scale, minimum), fmaf(second, scale, minimum));
    }
    return make_uint4(made[0], made[1], made[2], made[3]);
}

extern "C" __global__ void spread(const uint2* packed, const uint2* scales, u16* to, int pieces) {
    wait_for_last_kernel();
    const int piece = blockIdx.x * blockDim.x + threadIdx.x;
    if (piece >= pieces) return;
    const uint2 codes = packed[piece], pairs = scales[piece / 4];
    u16* at = to + static_cast<u64>(piece / 4) * 64 + piece % 4 * 8;
    *reinterpret_cast<uint4*>(at) = weights(codes.x, pairs.x);
    *reinterpret_cast<uint4*>(at + 32) = weights(codes.y, pairs.y);
}
