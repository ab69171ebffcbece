/** Whether Berth has a disk cache yet: with it, end-to-end tests and benchmarks run with one and prove what it promises. */
export const DISK_CACHE: boolean = true;
