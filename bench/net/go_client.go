// net_pages_go BASE_URL PAGES CONNECTIONS: the same work with Go's net/http.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func fetch(client *http.Client, url string) (int64, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return int64(len(body)), err
}

func main() {
	pages, _ := strconv.Atoi(os.Args[2])
	connections, _ := strconv.Atoi(os.Args[3])
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range make([]struct{}, connections) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for page := range numbers {
				if _, err := fetch(client, fmt.Sprintf("%s/page/%d", os.Args[1], page)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
			}
		}()
	}
	for page := 0; page < pages; page++ {
		numbers <- page
	}
	close(numbers)
	workers.Wait()
}
