/** What `npm run grafana` prints: steps that can be copied, with the ports and paths of this checkout. */

export interface Place {
  /** The folder of the repository, absolute. */
  readonly root: string;
  /** The configuration of the service, as it would be read; absolute. */
  readonly configFile: string;
  readonly sqlHost: string;
  readonly sqlPort: number;
  readonly otlpPort: number;
  /** Names of those who may log in and see all customers. */
  readonly readers: readonly string[];
  readonly hasTls: boolean;
}

export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly text: string;
  /** To be copied into a shell, or a file; none where the words are all. */
  readonly copy?: string;
}

/** A path as a shell takes it. */
export const quoted = (path: string) =>
  /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;

export function sections(place: Place): readonly Section[] {
  return [yourGrafana(place), byFiles(place), withCompose(place), grafanaCloud(place)];
}

const sslMode = ({ hasTls }: Place) => (hasTls ? 'require' : 'disable');
const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Everywhere the same: whoever reads needs a name and a password once others than this machine reach the port. */
function aUser(place: Place): Step {
  const [reader] = place.readers;
  if (reader !== undefined)
    return {
      text: `The service has the user ${reader}. Use that one, or add another:`,
      copy: addUser(place),
    };
  return {
    text: 'Add a user for Grafana. The password is made up and shown once if you leave it empty; then restart the service, or send it SIGHUP:',
    copy: addUser(place),
  };
}

const addUser = ({ root }: Place) =>
  `cd ${quoted(root)}\nnpm run spanledger -- user add grafana --role analyst`;

/** Where Grafana is on another machine, the port must be reachable. */
function reachable({ sqlHost, configFile, sqlPort }: Place): readonly Step[] {
  if (!isLoopback(sqlHost)) return [];
  return [
    {
      text: `The SQL port listens on ${sqlHost}:${sqlPort}, which only this machine reaches. For a Grafana elsewhere, or in a container, write into ${configFile}, with a certificate (reader.tls) where the network is not yours alone:`,
      copy: 'listen: { sql_host: 0.0.0.0 }',
    },
  ];
}

function yourGrafana(place: Place): Section {
  const { root, sqlHost, sqlPort } = place;
  const address = `${isLoopback(sqlHost) ? '127.0.0.1' : 'HOST-OF-THE-SERVICE'}:${sqlPort}`;
  return {
    title: 'A Grafana that you have (11 or later), over its API',
    steps: [
      aUser(place),
      ...reachable(place),
      {
        text: 'In Grafana, make a service account with the role Admin, and a token for it (Administration, Users and access, Service accounts).',
      },
      {
        text: 'Put the data source, the dashboards and the alerts there. It can be done again after each update; contact points and policies stay yours (route `source = spanledger`):',
        copy: `cd ${quoted(root)}\nexport GRAFANA_TOKEN=glsa_... SPANLEDGER_SQL_PASSWORD=...\nnpm run grafana -- --url http://127.0.0.1:3000 --sql ${address} --user ${place.readers[0] ?? 'grafana'} --sslmode ${sslMode(place)}`,
      },
      {
        text: 'Or by hand: add a PostgreSQL data source with the uid spanledger (database spanledger, version 15, TimescaleDB on), then import each dashboard:',
        copy: `for file in ${quoted(`${root}/dashboards/generated`)}/*.json; do
  node -p 'JSON.stringify({ dashboard: JSON.parse(fs.readFileSync(process.argv[1])), overwrite: true })' "$file" |
    curl --fail-with-body -H "Authorization: Bearer $GRAFANA_TOKEN" -H 'Content-Type: application/json' \\
      --data-binary @- http://127.0.0.1:3000/api/dashboards/db
done`,
      },
    ],
  };
}

function byFiles(place: Place): Section {
  const { root, sqlPort } = place;
  return {
    title: 'A Grafana that you have, by files (provisioning)',
    steps: [
      aUser(place),
      ...reachable(place),
      {
        text: 'Copy the files to where Grafana reads them (here those of its packages), without the policies, which would replace all that you have:',
        copy: `cd ${quoted(`${root}/dashboards`)}
sudo cp provisioning/datasources/spanledger.yaml /etc/grafana/provisioning/datasources/
sudo cp provisioning/dashboards/spanledger.yaml /etc/grafana/provisioning/dashboards/
sudo cp provisioning/alerting/rules.yaml /etc/grafana/provisioning/alerting/
sudo install -d /var/lib/grafana/dashboards/spanledger
sudo cp generated/*.json /var/lib/grafana/dashboards/spanledger/`,
      },
      {
        text: 'Tell it where the ledger is, in the environment of Grafana (for instance /etc/default/grafana-server), and restart it:',
        copy: `SPANLEDGER_SQL_ADDRESS=127.0.0.1:${sqlPort}
SPANLEDGER_SQL_USER=${place.readers[0] ?? 'grafana'}
SPANLEDGER_SQL_PASSWORD=...
SPANLEDGER_SQL_SSLMODE=${sslMode(place)}`,
      },
    ],
  };
}

function withCompose({ root, otlpPort }: Place): Section {
  return {
    title: 'No Grafana yet: service and Grafana in containers',
    steps: [
      {
        text: `Then spans go to http://127.0.0.1:4318, and Grafana is at http://127.0.0.1:3000 (admin, admin).${otlpPort === 4318 ? ' A service that already runs here has the same ports: stop it first, or set others in .env.' : ''}`,
        copy: `cd ${quoted(`${root}/dashboards`)}
echo "SPANLEDGER_SQL_PASSWORD=$(openssl rand -hex 24)" >> .env
docker compose up --build --detach`,
      },
    ],
  };
}

function grafanaCloud(place: Place): Section {
  const { root, sqlPort, sqlHost } = place;
  const host = isLoopback(sqlHost) ? '127.0.0.1' : 'HOST-OF-THE-SERVICE';
  return {
    title: 'Grafana Cloud, without opening a port (private data source connect)',
    steps: [
      aUser(place),
      {
        text: 'In Grafana Cloud: Connections, Private data source connect, Add new network; create a token. It shows the cluster and the id of your stack for the agent, which only connects outwards. Run it on the machine of the service:',
        copy: `docker run --rm --network host grafana/pdc-agent:latest -token glc_... -cluster prod-... -gcloud-hosted-grafana-id ...`,
      },
      {
        text: 'Put everything there with a service account token of the stack; then choose the network of the agent in the data source (Private data source connect) and press Save & test:',
        copy: `cd ${quoted(root)}\nexport GRAFANA_TOKEN=glsa_... SPANLEDGER_SQL_PASSWORD=...\nnpm run grafana -- --url https://STACK.grafana.net --sql ${host}:${sqlPort} --user ${place.readers[0] ?? 'grafana'} --sslmode ${sslMode(place)}`,
      },
    ],
  };
}
