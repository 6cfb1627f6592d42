// How late sleeps of Go are, on one processor: COUNT.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func cpuNs() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	runtime.GOMAXPROCS(1)
	count, _ := strconv.Atoi(os.Args[1])
	lateness := make([]int64, count)
	start := time.Now().Add(time.Second)
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(i int) {
			due := start.Add(time.Duration(1000000000 / count * (i * 7919 % count)))
			time.Sleep(time.Until(due))
			lateness[i] = time.Since(due).Nanoseconds()
			group.Done()
		}(i)
	}
	time.Sleep(time.Until(start.Add(-time.Millisecond)))
	before := cpuNs()
	group.Wait()
	cpu := cpuNs() - before
	sort.Slice(lateness, func(i, j int) bool { return lateness[i] < lateness[j] })
	fmt.Println(lateness[count/2], lateness[count*99/100], lateness[count-1], cpu/float64(count))
}
