// lib/pq under database/sql, as Grafana until 12.3 uses it: simple queries where there are no values.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"
)

type libpq struct {
	server server
	db     *sql.DB
	// The connection that is kept.
	conn *sql.Conn
}

func open(server server) (client, error) {
	db, err := sql.Open("postgres", source(server, server.User, server.Password, "disable"))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	return &libpq{server, db, conn}, nil
}

func source(server server, user, password, sslmode string) string {
	return fmt.Sprintf("host='%s' port=%d dbname='%s' user='%s' password='%s' sslmode='%s' sslrootcert='%s'",
		server.Host, server.Port, server.Database, user, password, sslmode, server.CertificateFile)
}

func (c *libpq) sqlState(err error) string {
	var failed *pq.Error
	if errors.As(err, &failed) {
		return string(failed.Code)
	}
	return fmt.Sprintf("%T", err)
}

func (c *libpq) login(ask ask) (answer, error) {
	sslmode := "disable"
	if ask.TLS {
		sslmode = "verify-full"
	}
	db, err := sql.Open("postgres", source(c.server, ask.User, ask.Password, sslmode))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT user")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	made, err := read(rows)
	return answer{"results": []result{made}}, err
}

// The simple query `;`, as 'Save & test' does.
func (c *libpq) ping() error {
	return c.conn.PingContext(context.Background())
}

func (c *libpq) ask(ask ask) (answer, error) {
	values := natives(ask.Values, func(given value) interface{} {
		if given.Type == "text[]" {
			return pq.Array(texts(given.Value))
		}
		return pq.Array(numbers(given.Value))
	})
	made, err := c.run(ask.SQL, values)
	if err != nil || ask.Times < 2 {
		return answer{"results": []result{made}}, err
	}
	prepared, err := c.conn.PrepareContext(context.Background(), ask.SQL)
	if err != nil {
		return nil, err
	}
	defer prepared.Close()
	for i := 1; i < ask.Times; i++ {
		rows, err := prepared.Query(values...)
		if err != nil {
			return nil, err
		}
		again, err := read(rows)
		rows.Close()
		if err != nil {
			return nil, err
		}
		if !same(made, again) {
			return answer{"error": "PREPARED", "message": fmt.Sprint(made, again)}, nil
		}
	}
	return answer{"results": []result{made}}, nil
}

func (c *libpq) run(text string, values []interface{}) (result, error) {
	rows, err := c.conn.QueryContext(context.Background(), text, values...)
	if err != nil {
		return result{}, err
	}
	defer rows.Close()
	return read(rows)
}

func read(rows *sql.Rows) (result, error) {
	columns, err := rows.ColumnTypes()
	if err != nil {
		return result{}, err
	}
	made := result{Rows: [][]interface{}{}}
	for _, column := range columns {
		made.Columns = append(made.Columns, column.Name())
		made.Types = append(made.Types, strings.ToLower(column.DatabaseTypeName()))
	}
	for rows.Next() {
		row, err := scan(rows, columns)
		if err != nil {
			return result{}, err
		}
		made.Rows = append(made.Rows, row)
	}
	return made, rows.Err()
}

func scan(rows *sql.Rows, columns []*sql.ColumnType) ([]interface{}, error) {
	cells := make([]interface{}, len(columns))
	targets := make([]interface{}, len(columns))
	for i := range cells {
		targets[i] = &cells[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	for i, cell := range cells {
		made, err := written(cell, columns[i].DatabaseTypeName())
		if err != nil {
			return nil, err
		}
		cells[i] = made
	}
	return cells, nil
}

func written(cell interface{}, kind string) (interface{}, error) {
	switch cell := cell.(type) {
	case int64:
		return fmt.Sprint(cell), nil
	case time.Time:
		switch kind {
		case "DATE":
			return day(cell), nil
		case "TIMESTAMP":
			return plainTime(cell), nil
		}
		return at(cell), nil
	case []byte:
		switch kind {
		case "BYTEA":
			return hexadecimal(cell), nil
		case "_TEXT", "_INT8", "_INT4", "_VARCHAR":
			var items pq.StringArray
			err := items.Scan(cell)
			return []string(items), err
		}
		return string(cell), nil
	}
	return cell, nil
}

func (c *libpq) askSeveral(text string) ([]result, error) {
	rows, err := c.conn.QueryContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	results := []result{}
	for {
		made, err := read(rows)
		if err != nil {
			return nil, err
		}
		// What has no columns was no query: a SET.
		if len(made.Columns) > 0 {
			results = append(results, made)
		}
		if !rows.NextResultSet() {
			return results, rows.Err()
		}
	}
}

func (c *libpq) one(text string) (interface{}, error) {
	made, err := c.run(text, nil)
	if err != nil {
		return nil, err
	}
	if len(made.Rows) == 0 {
		return "done", nil
	}
	return made.Rows[0][0], nil
}

// A context that ends, as Grafana does when a panel is left: lib/pq sends the cancel request, and gives the connection
// up. So it is one of the pool, not the one that is kept.
func (c *libpq) cancel(ask ask) error {
	ctx, stop := context.WithTimeout(context.Background(), time.Duration(ask.AfterMs)*time.Millisecond)
	defer stop()
	rows, err := c.db.QueryContext(ctx, ask.SQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// database/sql has no cursors, so these are SQL's.
func (c *libpq) cursors(ask ask) (answer, error) {
	tx, err := c.conn.BeginTx(context.Background(), nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for _, name := range []string{"first", "second"} {
		if _, err := tx.Exec("DECLARE " + name + " NO SCROLL CURSOR FOR " + ask.SQL); err != nil {
			return nil, err
		}
	}
	pieces := [][]interface{}{}
	fetch := func(count, name string) error {
		rows, err := tx.Query("FETCH " + count + " FROM " + name)
		if err != nil {
			return err
		}
		defer rows.Close()
		made, err := read(rows)
		piece := []interface{}{}
		for _, row := range made.Rows {
			piece = append(piece, row[0])
		}
		pieces = append(pieces, piece)
		return err
	}
	count := fmt.Sprint(ask.PieceRows)
	for _, name := range []string{"first", "second", "first"} {
		if err := fetch(count, name); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec("CLOSE second"); err != nil {
		return nil, err
	}
	if err := fetch("ALL", "first"); err != nil {
		return nil, err
	}
	return answer{"pieces": pieces}, tx.Commit()
}

func (c *libpq) transact(failing string) ([]interface{}, error) {
	outcomes := []interface{}{}
	tx, err := c.conn.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	ask := func(text string) {
		var cell interface{}
		if err := tx.QueryRow(text).Scan(&cell); err != nil {
			outcomes = append(outcomes, c.sqlState(err))
		} else {
			outcomes = append(outcomes, fmt.Sprint(cell))
		}
	}
	ask("SELECT 1")
	if _, err := tx.Exec("SAVEPOINT before"); err != nil {
		return nil, err
	}
	ask(failing)
	if _, err := tx.Exec("ROLLBACK TO SAVEPOINT before"); err != nil {
		return nil, err
	}
	ask("SELECT 2")
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	if tx, err = c.conn.BeginTx(context.Background(), nil); err != nil {
		return nil, err
	}
	ask(failing)
	ask("SELECT 3")
	if err := tx.Rollback(); err != nil {
		return nil, err
	}
	return append(outcomes, outcome(c, "SELECT 4")), nil
}

func (c *libpq) readAll(text string) (answer, error) {
	rows, err := c.conn.QueryContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var count, sum int64
	var last []interface{}
	for rows.Next() {
		if last, err = scan(rows, columns); err != nil {
			return nil, err
		}
		count++
		sum += number(last[0])
	}
	return answer{"readRows": count, "sum": fmt.Sprint(sum), "last": last}, rows.Err()
}

func (c *libpq) pooled(connections int) (func(string, int) (interface{}, error), func(), error) {
	db, err := sql.Open("postgres", source(c.server, c.server.User, c.server.Password, "disable"))
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return func(text string, number int) (interface{}, error) {
		rows, err := db.Query(text, number)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		made, err := read(rows)
		if err != nil {
			return nil, err
		}
		return made.Rows[0][0], nil
	}, func() { db.Close() }, nil
}

func (c *libpq) close() {
	c.conn.Close()
	c.db.Close()
}
