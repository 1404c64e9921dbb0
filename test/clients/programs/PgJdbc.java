import java.io.PrintStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Types;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * PgJDBC, as DBeaver, Metabase and Tableau use it: the extended protocol for everything, statements prepared on the server
 * and values in binary from the fifth time on, cursors by fetch size, metadata by catalogue queries.
 */
public class PgJdbc {
  private static final DateTimeFormatter MICROSECONDS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS");
  private static final int PREPARED_AND_BINARY = 5;

  private final Map<String, Object> server;
  private final Connection connection;

  PgJdbc(Map<String, Object> server) throws SQLException {
    this.server = server;
    this.connection = connect(server.get("user"), server.get("password"), false);
  }

  private Connection connect(Object user, Object password, boolean tls) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", (String) user);
    properties.setProperty("password", (String) password);
    properties.setProperty("sslmode", tls ? "verify-full" : "disable");
    if (tls) properties.setProperty("sslrootcert", (String) server.get("certificateFile"));
    String url = "jdbc:postgresql://" + server.get("host") + ":" + server.get("port") + "/" + server.get("database");
    return DriverManager.getConnection(url, properties);
  }

  private Map<String, Object> answer(Map<String, Object> ask) throws Exception {
    String sql = (String) ask.get("sql");
    switch ((String) ask.get("do")) {
      case "log in": return logIn(ask);
      case "ping":
        if (!connection.isValid(5)) throw new SQLException("not valid");
        return map("ok", true);
      case "ask": return ask(ask);
      case "ask several": return map("results", several(sql));
      case "ask in turn": return map("outcomes", inTurn(strings(ask.get("statements"))));
      case "cancel": return cancel(sql, number(ask.get("afterMs")));
      case "read with cursors": return map("pieces", cursors(sql, number(ask.get("pieceRows"))));
      case "transact": return map("outcomes", transact((String) ask.get("failing")));
      case "read all": return readAll(sql);
      case "share a pool": return map("outcomes", pool(number(ask.get("connections")), sql, number(ask.get("asked"))));
      case "look around": return map("found", lookAround());
      default: throw new IllegalArgumentException("not known: " + ask.get("do"));
    }
  }

  private Map<String, Object> logIn(Map<String, Object> ask) throws SQLException {
    try (Connection one = connect(ask.get("user"), ask.get("password"), (Boolean) ask.get("tls"));
        Statement statement = one.createStatement();
        ResultSet rows = statement.executeQuery("SELECT user")) {
      return map("results", List.of(result(rows)));
    }
  }

  private Map<String, Object> ask(Map<String, Object> ask) throws SQLException {
    List<Map<String, Object>> values = maps(ask.get("values"));
    int times = ask.get("times") == null ? 1 : number(ask.get("times"));
    Map<String, Object> first = null;
    try (PreparedStatement statement = connection.prepareStatement(((String) ask.get("sql")).replaceAll("\\$\\d+", "?"))) {
      for (int time = 1; time <= times + (times > 1 ? PREPARED_AND_BINARY : 0); time++) {
        bind(statement, values);
        if (!statement.execute()) return map("results", List.of());
        Map<String, Object> result = result(statement.getResultSet());
        if (first == null) first = result;
        else if (!first.equals(result)) return map("error", "BINARY", "message", "text " + first + ", binary " + result);
      }
    }
    return map("results", List.of(first));
  }

  private void bind(PreparedStatement statement, List<Map<String, Object>> values) throws SQLException {
    for (int place = 1; place <= values.size(); place++) {
      Object given = values.get(place - 1).get("value");
      String type = (String) values.get(place - 1).get("type");
      switch (type) {
        case "int4": statement.setObject(place, given == null ? null : ((Number) given).intValue(), Types.INTEGER); break;
        case "int8": statement.setObject(place, given == null ? null : Long.valueOf((String) given), Types.BIGINT); break;
        case "numeric": statement.setObject(place, given == null ? null : new BigDecimal((String) given), Types.NUMERIC); break;
        case "bool": statement.setObject(place, given, Types.BOOLEAN); break;
        case "float8": statement.setObject(place, given, Types.DOUBLE); break;
        case "text": statement.setString(place, (String) given); break;
        case "timestamptz": statement.setObject(place, given == null ? null : OffsetDateTime.parse((String) given)); break;
        case "date": statement.setObject(place, given == null ? null : LocalDate.parse((String) given)); break;
        case "text[]": statement.setArray(place, connection.createArrayOf("text", strings(given).toArray())); break;
        case "int8[]":
          statement.setArray(place, connection.createArrayOf("int8", strings(given).stream().map(Long::valueOf).toArray()));
          break;
        default: throw new IllegalArgumentException("not known: " + type);
      }
    }
  }

  private List<Object> several(String sql) throws SQLException {
    List<Object> results = new ArrayList<>();
    try (Statement statement = connection.createStatement()) {
      boolean hasRows = statement.execute(sql);
      while (hasRows || statement.getUpdateCount() != -1) {
        if (hasRows) results.add(result(statement.getResultSet()));
        hasRows = statement.getMoreResults();
      }
    }
    return results;
  }

  private Object one(String sql) {
    return one(connection, sql);
  }

  private static Object one(Connection on, String sql) {
    try (Statement statement = on.createStatement()) {
      if (!statement.execute(sql)) return "done";
      ResultSet rows = statement.getResultSet();
      rows.next();
      return cell(rows, 1);
    } catch (SQLException error) {
      return error.getSQLState();
    }
  }

  private List<Object> inTurn(List<String> statements) {
    List<Object> outcomes = new ArrayList<>();
    for (String sql : statements) outcomes.add(one(sql));
    return outcomes;
  }

  private Map<String, Object> cancel(String sql, int afterMs) throws Exception {
    try (Statement statement = connection.createStatement()) {
      Thread canceller = new Thread(() -> {
        try {
          Thread.sleep(afterMs);
          statement.cancel();
        } catch (SQLException | InterruptedException error) {
          // The statement then goes on, which shows.
        }
      });
      canceller.start();
      try {
        statement.execute(sql);
        return map("results", List.of());
      } finally {
        canceller.join();
      }
    }
  }

  private List<Object> cursors(String sql, int pieceRows) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement one = connection.prepareStatement(sql); PreparedStatement two = connection.prepareStatement(sql)) {
      one.setFetchSize(pieceRows);
      two.setFetchSize(pieceRows);
      ResultSet first = one.executeQuery();
      ResultSet second = two.executeQuery();
      List<Object> pieces = new ArrayList<>();
      for (ResultSet rows : List.of(first, second, first)) pieces.add(take(rows, pieceRows));
      second.close();
      pieces.add(take(first, Integer.MAX_VALUE));
      first.close();
      connection.commit();
      return pieces;
    } catch (SQLException error) {
      connection.rollback();
      throw error;
    } finally {
      connection.setAutoCommit(true);
    }
  }

  private static List<Object> take(ResultSet rows, int count) throws SQLException {
    List<Object> taken = new ArrayList<>();
    while (taken.size() < count && rows.next()) taken.add(cell(rows, 1));
    return taken;
  }

  private List<Object> transact(String failing) throws SQLException {
    List<Object> outcomes = new ArrayList<>();
    connection.setReadOnly(true);
    connection.setAutoCommit(false);
    outcomes.add(one("SELECT 1"));
    Savepoint before = connection.setSavepoint("before");
    outcomes.add(one(failing));
    connection.rollback(before);
    outcomes.add(one("SELECT 2"));
    connection.releaseSavepoint(before);
    connection.commit();
    outcomes.add(one(failing));
    outcomes.add(one("SELECT 3"));
    connection.rollback();
    connection.setAutoCommit(true);
    connection.setReadOnly(false);
    outcomes.add(one("SELECT 4"));
    return outcomes;
  }

  private Map<String, Object> readAll(String sql) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement()) {
      statement.setFetchSize(10_000);
      ResultSet rows = statement.executeQuery(sql);
      long count = 0;
      long sum = 0;
      List<Object> last = null;
      while (rows.next()) {
        count++;
        sum += rows.getLong(1);
        // Of the others it is enough that they can be read.
        rows.getBigDecimal(2);
        rows.getString(3);
        if (count % 100_000 == 0) last = row(rows);
      }
      connection.commit();
      return map("readRows", count, "sum", String.valueOf(sum), "last", last);
    } finally {
      connection.setAutoCommit(true);
    }
  }

  private List<Object> pool(int connections, String sql, int asked) throws Exception {
    List<Connection> pool = new ArrayList<>();
    for (int i = 0; i < connections; i++) pool.add(connect(server.get("user"), server.get("password"), false));
    ExecutorService threads = Executors.newFixedThreadPool(connections);
    List<Future<Object>> futures = new ArrayList<>();
    for (int i = 0; i < asked; i++) {
      int number = i;
      futures.add(threads.submit(() -> {
        Connection one;
        synchronized (pool) {
          one = pool.remove(0);
        }
        try (PreparedStatement statement = one.prepareStatement(sql.replaceAll("\\$\\d+", "?"))) {
          statement.setInt(1, number);
          ResultSet rows = statement.executeQuery();
          rows.next();
          return cell(rows, 1);
        } finally {
          synchronized (pool) {
            pool.add(one);
          }
        }
      }));
    }
    List<Object> outcomes = new ArrayList<>();
    for (Future<Object> future : futures) outcomes.add(future.get());
    threads.shutdown();
    for (Connection one : pool) one.close();
    return outcomes;
  }

  private Map<String, Object> lookAround() throws SQLException {
    DatabaseMetaData about = connection.getMetaData();
    return map(
        "product", about.getDatabaseProductName(),
        "schemas", column(about.getSchemas(), "TABLE_SCHEM"),
        "tables", columns(about.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME", "TABLE_TYPE"),
        "columns", columns(about.getColumns(null, "public", "usage", "%"), "COLUMN_NAME", "TYPE_NAME"),
        "scales", columns(about.getColumns(null, "public", "usage", "cost\\_usd"), "COLUMN_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS"),
        "keys", column(about.getPrimaryKeys(null, "public", "usage"), "COLUMN_NAME"),
        "indexes", column(about.getIndexInfo(null, "public", "usage", false, false), "INDEX_NAME"),
        "foreignKeys", column(about.getImportedKeys(null, "public", "usage"), "FKCOLUMN_NAME"),
        "hasTypes", !column(about.getTypeInfo(), "TYPE_NAME").isEmpty(),
        "catalogs", column(about.getCatalogs(), "TABLE_CAT"),
        "procedures", column(about.getProcedures(null, "public", "%"), "PROCEDURE_NAME"),
        "functions", column(about.getFunctions(null, "public", "%"), "FUNCTION_NAME"),
        "tableTypes", column(about.getTableTypes(), "TABLE_TYPE").contains("VIEW"),
        "privileges", column(about.getTablePrivileges(null, "public", "usage"), "TABLE_NAME").size() >= 0);
  }

  private static List<Object> column(ResultSet rows, String name) throws SQLException {
    List<Object> values = new ArrayList<>();
    while (rows.next()) values.add(rows.getString(name));
    rows.close();
    return values;
  }

  private static List<Object> columns(ResultSet rows, String... names) throws SQLException {
    List<Object> values = new ArrayList<>();
    while (rows.next()) {
      List<Object> value = new ArrayList<>();
      for (String name : names) value.add(rows.getString(name));
      values.add(value);
    }
    rows.close();
    return values;
  }

  private static Map<String, Object> result(ResultSet rows) throws SQLException {
    ResultSetMetaData about = rows.getMetaData();
    List<Object> names = new ArrayList<>();
    List<Object> types = new ArrayList<>();
    for (int i = 1; i <= about.getColumnCount(); i++) {
      names.add(about.getColumnLabel(i));
      types.add(about.getColumnTypeName(i));
    }
    List<Object> all = new ArrayList<>();
    while (rows.next()) all.add(row(rows));
    return map("columns", names, "types", types, "rows", all);
  }

  private static List<Object> row(ResultSet rows) throws SQLException {
    List<Object> cells = new ArrayList<>();
    for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) cells.add(cell(rows, i));
    return cells;
  }

  private static Object cell(ResultSet rows, int place) throws SQLException {
    switch (rows.getMetaData().getColumnTypeName(place)) {
      case "timestamptz": {
        OffsetDateTime at = rows.getObject(place, OffsetDateTime.class);
        return at == null ? null : at.withOffsetSameInstant(ZoneOffset.UTC).format(MICROSECONDS) + "Z";
      }
      case "timestamp": {
        LocalDateTime at = rows.getObject(place, LocalDateTime.class);
        return at == null ? null : at.format(MICROSECONDS);
      }
      case "date": {
        LocalDate day = rows.getObject(place, LocalDate.class);
        return day == null ? null : day.toString();
      }
      default: return written(rows.getObject(place));
    }
  }

  private static Object written(Object value) throws SQLException {
    if (value == null || value instanceof Boolean || value instanceof Double || value instanceof Float) return value;
    if (value instanceof BigDecimal) return ((BigDecimal) value).toPlainString();
    if (value instanceof Array) {
      List<Object> items = new ArrayList<>();
      for (Object item : (Object[]) ((Array) value).getArray()) items.add(written(item));
      return items;
    }
    return value.toString();
  }

  public static void main(String[] arguments) throws Exception {
    Map<String, Object> conversation = map(Json.read(new String(System.in.readAllBytes(), StandardCharsets.UTF_8)));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    PgJdbc client = new PgJdbc(conversation);
    for (Map<String, Object> ask : maps(conversation.get("asks"))) {
      long since = System.nanoTime();
      Map<String, Object> answer;
      try {
        answer = client.answer(ask);
      } catch (SQLException error) {
        answer = map("error", String.valueOf(error.getSQLState()), "message", error.getMessage());
        answer.put("tookMs", (System.nanoTime() - since) / 1_000_000);
        if (!"log in".equals(ask.get("do"))) answer.put("after", client.one("SELECT 1"));
      }
      answer.put("id", ask.get("id"));
      out.println(Json.write(answer));
    }
    client.connection.close();
  }

  private static Map<String, Object> map(Object... pairs) {
    Map<String, Object> made = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) made.put((String) pairs[i], pairs[i + 1]);
    return made;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Object read) {
    return (Map<String, Object>) read;
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> maps(Object read) {
    return read == null ? List.of() : (List<Map<String, Object>>) read;
  }

  @SuppressWarnings("unchecked")
  private static List<String> strings(Object read) {
    return (List<String>) read;
  }

  private static int number(Object read) {
    return ((Number) read).intValue();
  }

  /** As much of JSON as the conversation needs: the JDK has none. */
  private static final class Json {
    private final String text;
    private int at = 0;

    private Json(String text) {
      this.text = text;
    }

    static Object read(String text) {
      return new Json(text).value();
    }

    private char next() {
      while (Character.isWhitespace(text.charAt(at)) || text.charAt(at) == ',' || text.charAt(at) == ':') at++;
      return text.charAt(at);
    }

    private Object value() {
      switch (next()) {
        case '{': {
          Map<String, Object> read = new LinkedHashMap<>();
          for (at++; next() != '}'; ) read.put(string(), value());
          at++;
          return read;
        }
        case '[': {
          List<Object> read = new ArrayList<>();
          for (at++; next() != ']'; ) read.add(value());
          at++;
          return read;
        }
        case '"': return string();
        default: {
          int from = at;
          while (at < text.length() && ",]} \n".indexOf(text.charAt(at)) < 0) at++;
          String word = text.substring(from, at);
          if (word.equals("null")) return null;
          if (word.equals("true") || word.equals("false")) return Boolean.valueOf(word);
          return word.contains(".") ? (Object) Double.valueOf(word) : (Object) Long.valueOf(word);
        }
      }
    }

    private String string() {
      next();
      StringBuilder read = new StringBuilder();
      for (at++; text.charAt(at) != '"'; at++) {
        char c = text.charAt(at);
        if (c != '\\') {
          read.append(c);
          continue;
        }
        c = text.charAt(++at);
        if (c == 'u') {
          read.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
          at += 4;
        } else {
          int named = "bfnrt".indexOf(c);
          read.append(named < 0 ? c : "\b\f\n\r\t".charAt(named));
        }
      }
      at++;
      return read.toString();
    }

    static String write(Object value) {
      if (value instanceof Map) {
        List<String> written = new ArrayList<>();
        for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet())
          written.add(write(entry.getKey()) + ":" + write(entry.getValue()));
        return "{" + String.join(",", written) + "}";
      }
      if (value instanceof List) {
        List<String> written = new ArrayList<>();
        for (Object item : (List<?>) value) written.add(write(item));
        return "[" + String.join(",", written) + "]";
      }
      if (!(value instanceof String)) return String.valueOf(value);
      StringBuilder written = new StringBuilder("\"");
      for (char c : ((String) value).toCharArray()) {
        if (c == '"' || c == '\\') written.append('\\').append(c);
        else if (c < ' ') written.append(String.format("\\u%04x", (int) c));
        else written.append(c);
      }
      return written.append('"').toString();
    }
  }
}
