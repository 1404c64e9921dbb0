// What the Go clients share: the conversation on standard input, and how values and errors are written down.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type server struct {
	Host            string `json:"host"`
	Port            int    `json:"port"`
	Database        string `json:"database"`
	User            string `json:"user"`
	Password        string `json:"password"`
	CertificateFile string `json:"certificateFile"`
	Asks            []ask  `json:"asks"`
}

type ask struct {
	ID          string   `json:"id"`
	Do          string   `json:"do"`
	SQL         string   `json:"sql"`
	Values      []value  `json:"values"`
	Times       int      `json:"times"`
	Statements  []string `json:"statements"`
	AfterMs     int      `json:"afterMs"`
	PieceRows   int      `json:"pieceRows"`
	Failing     string   `json:"failing"`
	User        string   `json:"user"`
	Password    string   `json:"password"`
	TLS         bool     `json:"tls"`
	Connections int      `json:"connections"`
	Asked       int      `json:"asked"`
}

type value struct {
	Type  string      `json:"type"`
	Value interface{} `json:"value"`
}

type answer map[string]interface{}

type result struct {
	Columns []string        `json:"columns"`
	Types   []interface{}   `json:"types"`
	Rows    [][]interface{} `json:"rows"`
}

// client is a library, in the words of the conversation.
type client interface {
	login(ask) (answer, error)
	ping() error
	ask(ask) (answer, error)
	askSeveral(sql string) ([]result, error)
	// one runs a statement and gives the first cell of its first row, or "done".
	one(sql string) (interface{}, error)
	cancel(ask) error
	cursors(ask) (answer, error)
	transact(failing string) ([]interface{}, error)
	readAll(sql string) (answer, error)
	// pooled answers how to run a statement with a number on any connection of a pool, and how to close that.
	pooled(connections int) (func(sql string, number int) (interface{}, error), func(), error)
	sqlState(error) string
	close()
}

func main() {
	var asked server
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		panic(err)
	}
	client, err := open(asked)
	if err != nil {
		panic(err)
	}
	defer client.close()
	out := json.NewEncoder(os.Stdout)
	for _, ask := range asked.Asks {
		since := time.Now()
		made, err := answerTo(client, ask)
		if err != nil {
			made = answer{"error": client.sqlState(err), "message": err.Error(), "tookMs": time.Since(since).Milliseconds()}
			if ask.Do != "log in" {
				if after, err := client.one("SELECT 1"); err != nil {
					made["after"] = err.Error()
				} else {
					made["after"] = after
				}
			}
		}
		made["id"] = ask.ID
		if err := out.Encode(made); err != nil {
			panic(err)
		}
	}
}

func answerTo(client client, ask ask) (answer, error) {
	switch ask.Do {
	case "log in":
		return client.login(ask)
	case "ping":
		return answer{"ok": true}, client.ping()
	case "ask":
		return client.ask(ask)
	case "ask several":
		results, err := client.askSeveral(ask.SQL)
		return answer{"results": results}, err
	case "ask in turn":
		outcomes := []interface{}{}
		for _, sql := range ask.Statements {
			outcomes = append(outcomes, outcome(client, sql))
		}
		return answer{"outcomes": outcomes}, nil
	case "cancel":
		return answer{"results": []result{}}, client.cancel(ask)
	case "read with cursors":
		return client.cursors(ask)
	case "transact":
		outcomes, err := client.transact(ask.Failing)
		return answer{"outcomes": outcomes}, err
	case "read all":
		return client.readAll(ask.SQL)
	case "share a pool":
		return sharePool(client, ask)
	}
	return nil, errors.New("not known: " + ask.Do)
}

func outcome(client client, sql string) interface{} {
	cell, err := client.one(sql)
	if err != nil {
		return client.sqlState(err)
	}
	return cell
}

func sharePool(client client, ask ask) (answer, error) {
	run, closePool, err := client.pooled(ask.Connections)
	if err != nil {
		return nil, err
	}
	defer closePool()
	outcomes := make([]interface{}, ask.Asked)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			cell, err := run(ask.SQL, i)
			if err != nil {
				cell = err.Error()
			}
			outcomes[i] = cell
		}(i)
	}
	all.Wait()
	return answer{"outcomes": outcomes}, nil
}

// same says whether two results are, as far as they are written down.
func same(a, b result) bool {
	one, _ := json.Marshal(a.Rows)
	other, _ := json.Marshal(b.Rows)
	return string(one) == string(other)
}

func at(instant time.Time) string {
	return instant.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func plainTime(instant time.Time) string {
	return instant.Format("2006-01-02T15:04:05.000000")
}

func day(instant time.Time) string {
	return instant.Format("2006-01-02")
}

func hexadecimal(bytes []byte) string {
	return `\x` + hex.EncodeToString(bytes)
}

// native is a parameter as a program in Go would have it; numeric stays text, for which Go has no type of its own.
func native(given value) interface{} {
	if given.Value == nil {
		return nil
	}
	switch given.Type {
	case "int4":
		return int32(given.Value.(float64))
	case "int8":
		number, err := strconv.ParseInt(given.Value.(string), 10, 64)
		if err != nil {
			panic(err)
		}
		return number
	case "timestamptz":
		instant, err := time.Parse(time.RFC3339Nano, given.Value.(string))
		if err != nil {
			panic(err)
		}
		return instant
	case "date":
		instant, err := time.Parse("2006-01-02", given.Value.(string))
		if err != nil {
			panic(err)
		}
		return instant
	}
	return given.Value
}

func texts(given interface{}) []string {
	made := []string{}
	for _, item := range given.([]interface{}) {
		made = append(made, item.(string))
	}
	return made
}

func numbers(given interface{}) []int64 {
	made := []int64{}
	for _, item := range texts(given) {
		number, err := strconv.ParseInt(item, 10, 64)
		if err != nil {
			panic(err)
		}
		made = append(made, number)
	}
	return made
}

func natives(given []value, arrays func(value) interface{}) []interface{} {
	made := []interface{}{}
	for _, item := range given {
		if strings.HasSuffix(item.Type, "[]") && item.Value != nil {
			made = append(made, arrays(item))
		} else {
			made = append(made, native(item))
		}
	}
	return made
}

func number(cell interface{}) int64 {
	made, err := strconv.ParseInt(fmt.Sprint(cell), 10, 64)
	if err != nil {
		panic(err)
	}
	return made
}
