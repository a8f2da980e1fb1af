// Answers through llama.cpp for engine/bench/llama.py: node llama.mjs PACKAGE FILE THREADS ROOM
//
// One line of JSON says what runs, or why nothing does. Then every line of the input is a prompt, answered by a line:
// the seconds to the first token, the tokens after it, and their seconds.
import process from "node:process";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

const [packageEntry, file, threads, room] = process.argv.slice(2);
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

async function opened() {
    const {getLlama, LlamaLogLevel} = await import(pathToFileURL(packageEntry).href);
    const llama = await getLlama({
        build: "never", gpu: false, maxThreads: Number(threads), logLevel: LlamaLogLevel.error, progressLogs: false,
    });
    const model = await llama.loadModel({modelPath: file});
    const context = await model.createContext({contextSize: Number(room), threads: Number(threads), sequences: 1});
    say({release: llama.llamaCppRelease.release, threads: context.currentThreads});
    return context.getSequence();
}

async function answer(sequence, {ids, tokens, temperature, topK, topP, minP}) {
    await sequence.clearHistory();
    const began = performance.now();
    let first = began, last = began, count = 0;
    for await (const _ of sequence.evaluate(ids, {temperature, topK, topP, minP})) {
        last = performance.now();
        if (count++ === 0) first = last;
        if (count >= tokens) break;
    }
    return {prompt: (first - began) / 1000, tokens: Math.max(count - 1, 0), seconds: (last - first) / 1000};
}

try {
    const sequence = await opened();
    for await (const line of createInterface({input: process.stdin})) say(await answer(sequence, JSON.parse(line)));
    process.exit(0);
} catch (error) {
    say({error: String(error?.message ?? error)});
    process.exit(1);
}
