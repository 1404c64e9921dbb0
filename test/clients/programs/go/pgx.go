// pgx with its pool, as Grafana from 12.4 on uses it: panels are simple queries of `PgConn`, its schema handler's are
// prepared statements with values in binary. Debian has version 4; Grafana has 5, whose messages are the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type pgxClient struct {
	server server
	conn   *pgx.Conn
}

var background = context.Background()

func open(server server) (client, error) {
	conn, err := pgx.Connect(background, source(server, server.User, server.Password, "disable"))
	if err != nil {
		return nil, err
	}
	return &pgxClient{server, conn}, nil
}

func source(server server, user, password, sslmode string) string {
	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     fmt.Sprintf("%s:%d", server.Host, server.Port),
		Path:     server.Database,
		RawQuery: url.Values{"sslmode": {sslmode}, "sslrootcert": {server.CertificateFile}}.Encode(),
	}
	return address.String()
}

func (c *pgxClient) sqlState(err error) string {
	var failed *pgconn.PgError
	if errors.As(err, &failed) {
		return failed.Code
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "context deadline exceeded"
	}
	return fmt.Sprintf("%T", err)
}

func (c *pgxClient) login(ask ask) (answer, error) {
	sslmode := "disable"
	if ask.TLS {
		sslmode = "verify-full"
	}
	conn, err := pgx.Connect(background, source(c.server, ask.User, ask.Password, sslmode))
	if err != nil {
		return nil, err
	}
	defer conn.Close(background)
	rows, err := conn.Query(background, "SELECT user")
	if err != nil {
		return nil, err
	}
	made, err := read(conn, rows)
	return answer{"results": []result{made}}, err
}

// A simple query that is empty, as 'Save & test' does and the pool after a second of idleness.
func (c *pgxClient) ping() error {
	return c.conn.Ping(background)
}

func (c *pgxClient) ask(ask ask) (answer, error) {
	values := natives(ask.Values, func(given value) interface{} {
		if given.Type == "text[]" {
			return texts(given.Value)
		}
		return numbers(given.Value)
	})
	var first result
	for i := 0; i == 0 || i < ask.Times; i++ {
		rows, err := c.conn.Query(background, ask.SQL, values...)
		if err != nil {
			return nil, err
		}
		made, err := read(c.conn, rows)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = made
		} else if !same(first, made) {
			return answer{"error": "AGAIN", "message": fmt.Sprint(first, made)}, nil
		}
	}
	return answer{"results": []result{first}}, nil
}

func read(conn *pgx.Conn, rows pgx.Rows) (result, error) {
	defer rows.Close()
	made := result{Rows: [][]interface{}{}}
	for rows.Next() {
		cells, err := rows.Values()
		if err != nil {
			return result{}, err
		}
		for i, cell := range cells {
			if cells[i], err = written(cell, rows.FieldDescriptions()[i].DataTypeOID); err != nil {
				return result{}, err
			}
		}
		made.Rows = append(made.Rows, cells)
	}
	for _, field := range rows.FieldDescriptions() {
		made.Columns = append(made.Columns, string(field.Name))
		made.Types = append(made.Types, field.DataTypeOID)
	}
	return made, rows.Err()
}

func written(cell interface{}, oid uint32) (interface{}, error) {
	switch cell := cell.(type) {
	case int16, int32, int64, uint32:
		return fmt.Sprint(cell), nil
	case time.Time:
		switch oid {
		case pgtype.DateOID:
			return day(cell), nil
		case pgtype.TimestampOID:
			return plainTime(cell), nil
		}
		return at(cell), nil
	case pgtype.Numeric:
		return decimal(cell), nil
	case []byte:
		return hexadecimal(cell), nil
	case pgtype.TextArray:
		var items []string
		err := cell.AssignTo(&items)
		return items, err
	case pgtype.Int8Array:
		items := []string{}
		for _, item := range cell.Elements {
			items = append(items, fmt.Sprint(item.Int))
		}
		return items, nil
	}
	return cell, nil
}

// decimal writes an exact number with the digits that it was sent with.
func decimal(number pgtype.Numeric) interface{} {
	if number.Status == pgtype.Null {
		return nil
	}
	if number.Exp >= 0 {
		return new(big.Int).Mul(number.Int, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(number.Exp)), nil)).String()
	}
	digits := new(big.Int).Abs(number.Int).String()
	places := int(-number.Exp)
	if len(digits) <= places {
		digits = strings.Repeat("0", places-len(digits)+1) + digits
	}
	sign := ""
	if number.Int.Sign() < 0 {
		sign = "-"
	}
	return sign + digits[:len(digits)-places] + "." + digits[len(digits)-places:]
}

// As Grafana runs a panel: all statements in one simple query, all values as text.
func (c *pgxClient) askSeveral(text string) ([]result, error) {
	several := c.conn.PgConn().Exec(background, text)
	results := []result{}
	for several.NextResult() {
		reader := several.ResultReader()
		made := result{Rows: [][]interface{}{}}
		for _, field := range reader.FieldDescriptions() {
			made.Columns = append(made.Columns, string(field.Name))
			made.Types = append(made.Types, field.DataTypeOID)
		}
		for reader.NextRow() {
			cells := []interface{}{}
			for i, bytes := range reader.Values() {
				cells = append(cells, text1(bytes, reader.FieldDescriptions()[i].DataTypeOID))
			}
			made.Rows = append(made.Rows, cells)
		}
		if _, err := reader.Close(); err != nil {
			several.Close()
			return nil, err
		}
		if len(made.Columns) > 0 {
			results = append(results, made)
		}
	}
	return results, several.Close()
}

// text1 reads a value that came as text, as far as panels have such.
func text1(bytes []byte, oid uint32) interface{} {
	if bytes == nil {
		return nil
	}
	switch oid {
	case pgtype.TimestamptzOID:
		var instant pgtype.Timestamptz
		if instant.DecodeText(nil, bytes) == nil {
			return at(instant.Time)
		}
	case pgtype.Float8OID:
		var number pgtype.Float8
		if number.DecodeText(nil, bytes) == nil {
			return number.Float
		}
	case pgtype.BoolOID:
		return string(bytes) == "t"
	}
	return string(bytes)
}

func (c *pgxClient) one(text string) (interface{}, error) {
	rows, err := c.conn.Query(background, text)
	if err != nil {
		return nil, err
	}
	made, err := read(c.conn, rows)
	if err != nil {
		return nil, err
	}
	if len(made.Rows) == 0 {
		return "done", nil
	}
	return made.Rows[0][0], nil
}

// A context that ends closes the connection of pgx, which the server must notice. So it is one of its own.
func (c *pgxClient) cancel(ask ask) error {
	conn, err := pgx.Connect(background, source(c.server, c.server.User, c.server.Password, "disable"))
	if err != nil {
		return err
	}
	defer conn.Close(background)
	ctx, stop := context.WithTimeout(background, time.Duration(ask.AfterMs)*time.Millisecond)
	defer stop()
	_, err = conn.PgConn().Exec(ctx, ask.SQL).ReadAll()
	return err
}

// pgx has no cursors of its own, so these are SQL's.
func (c *pgxClient) cursors(ask ask) (answer, error) {
	tx, err := c.conn.Begin(background)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(background)
	for _, name := range []string{"first", "second"} {
		if _, err := tx.Exec(background, "DECLARE "+name+" NO SCROLL CURSOR FOR "+ask.SQL); err != nil {
			return nil, err
		}
	}
	pieces := [][]interface{}{}
	fetch := func(count, name string) error {
		rows, err := tx.Query(background, "FETCH "+count+" FROM "+name)
		if err != nil {
			return err
		}
		made, err := read(c.conn, rows)
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
	if _, err := tx.Exec(background, "CLOSE second"); err != nil {
		return nil, err
	}
	if err := fetch("ALL", "first"); err != nil {
		return nil, err
	}
	return answer{"pieces": pieces}, tx.Commit(background)
}

func (c *pgxClient) transact(failing string) ([]interface{}, error) {
	outcomes := []interface{}{}
	tx, err := c.conn.BeginTx(background, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	outcomes = append(outcomes, outcome(c, "SELECT 1"))
	inner, err := tx.Begin(background)
	if err != nil {
		return nil, err
	}
	outcomes = append(outcomes, outcome(c, failing))
	if err := inner.Rollback(background); err != nil {
		return nil, err
	}
	outcomes = append(outcomes, outcome(c, "SELECT 2"))
	if err := tx.Commit(background); err != nil {
		return nil, err
	}
	if tx, err = c.conn.Begin(background); err != nil {
		return nil, err
	}
	outcomes = append(outcomes, outcome(c, failing), outcome(c, "SELECT 3"))
	if err := tx.Rollback(background); err != nil {
		return nil, err
	}
	return append(outcomes, outcome(c, "SELECT 4")), nil
}

func (c *pgxClient) readAll(text string) (answer, error) {
	rows, err := c.conn.Query(background, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var count, sum int64
	var last []interface{}
	for rows.Next() {
		if last, err = rows.Values(); err != nil {
			return nil, err
		}
		count++
		sum += last[0].(int64)
	}
	for i, cell := range last {
		if last[i], err = written(cell, rows.FieldDescriptions()[i].DataTypeOID); err != nil {
			return nil, err
		}
	}
	return answer{"readRows": count, "sum": fmt.Sprint(sum), "last": last}, rows.Err()
}

func (c *pgxClient) pooled(connections int) (func(string, int) (interface{}, error), func(), error) {
	config, err := pgxpool.ParseConfig(source(c.server, c.server.User, c.server.Password, "disable"))
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.ConnectConfig(background, config)
	if err != nil {
		return nil, nil, err
	}
	return func(text string, number int) (interface{}, error) {
		var made interface{}
		err := pool.QueryRow(background, text, number).Scan(&made)
		return fmt.Sprint(made), err
	}, pool.Close, nil
}

func (c *pgxClient) close() {
	c.conn.Close(background)
}
