using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Text;

namespace Mooring.Operator.Tests.Planning;

/// <summary>Makes good manifests of every shape, and others that mean the same.</summary>
internal static class FleetGenerator
{
    private static readonly string[] DurationFields =
    [
        "lameDuck",
        "deadline",
        "jitter",
        "idleTimeout",
        "handshakeTimeout",
        "connectTimeout",
        "failTimeout",
        "ttl",
    ];

    /// <summary>A good manifest: any names, any ports, any of the optional fields.</summary>
    public static Gen<JsonObject> Manifest() =>
        from name in Name(63)
        from dots in Gen.Elements("", ".dotted")
        from backends in Distinct(Name(63), 1, 5)
        from listeners in Distinct(Name(63), 1, 6)
        from ports in Distinct(Gen.OneOf(Gen.Choose(1, 1100), Gen.Choose(10_000, 11_100), Gen.Choose(1, 65535), Gen.Constant(9090)), 6, 6)
        from seed in Gen.Choose(0, int.MaxValue)
        select Build(
            (name + dots)[..Math.Min(63, name.Length + dots.Length)].TrimEnd('.', '-'),
            backends,
            listeners,
            ports,
            new Random(seed)
        );

    /// <summary>The manifest with its keys in another order and its durations in other words.</summary>
    public static JsonNode Reword(JsonNode node, Random random) =>
        node switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(_ => random.Next())
                    .Select(entry =>
                        KeyValuePair.Create(
                            entry.Key,
                            (JsonNode?)(DurationFields.Contains(entry.Key) ? InSeconds(entry.Value!) : Reword(entry.Value!, random))
                        )
                    )
            ),
            JsonArray list => new JsonArray([.. list.Select(item => (JsonNode?)Reword(item!, random))]),
            _ => node.DeepClone(),
        };

    private static JsonValue InSeconds(JsonNode duration) =>
        JsonValue.Create($"{Duration.Parse(duration.GetValue<string>()).TotalSeconds:0}s")!;

    private static Gen<string> Name(int longest) =>
        from length in Gen.Choose(1, longest)
        from letters in Gen.ArrayOf(Gen.Elements("abcxyz0189-".ToCharArray()), length)
        from ends in Gen.Elements("az09".ToCharArray()).Two()
        select length == 1 ? ends.Item1.ToString() : ends.Item1 + new string(letters)[1..^1] + ends.Item2;

    private static Gen<List<T>> Distinct<T>(Gen<T> gen, int least, int most) =>
        gen.ListOf().Where(list => list.Distinct().Count() >= least).Select(list => list.Distinct().Take(most).ToList());

    private static JsonObject Build(string name, List<string> backends, List<string> listeners, List<int> ports, Random random) =>
        new()
        {
            ["apiVersion"] = "mooring.dev/v1alpha1",
            ["kind"] = "ConnectionFleet",
            ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "shop" },
            ["spec"] = Some(
                random,
                new JsonObject
                {
                    ["gateway"] = Some(
                        random,
                        new JsonObject
                        {
                            ["replicas"] = random.Next(0, 30),
                            ["image"] = "gateway:" + random.Next(3),
                            ["resources"] = new JsonObject
                            {
                                ["limits"] = new JsonObject { ["cpu"] = random.Next(1, 4), ["memory"] = "1Gi" },
                            },
                            ["template"] = new JsonObject
                            {
                                ["labels"] = new JsonObject { ["b"] = "2", ["a"] = "1" },
                                ["nodeSelector"] = new JsonObject { ["d"] = "4", ["c"] = "3" },
                            },
                            ["capacity"] = Some(
                                random,
                                new JsonObject
                                {
                                    ["maxConnections"] = "Auto",
                                    ["perAddress"] = random.Next(100),
                                    ["reservedPercent"] = 10,
                                }
                            ),
                            ["drain"] = Some(
                                random,
                                new JsonObject
                                {
                                    ["lameDuck"] = "5s",
                                    ["deadline"] = "2m",
                                    ["jitter"] = "1m",
                                    ["reconnectsPerSecond"] = 50,
                                }
                            ),
                        }
                    ),
                    ["listeners"] = new JsonArray([
                        .. listeners.Zip(ports, (listener, port) => (JsonNode?)Listener(listener, port, backends, random)),
                    ]),
                    ["backends"] = new JsonArray([.. backends.Select(backend => (JsonNode?)Backend(backend, random))]),
                },
                "listeners",
                "backends"
            ),
        };

    private static JsonObject Listener(string name, int port, List<string> backends, Random random)
    {
        var backend = backends[random.Next(backends.Count)];
        var listener = new JsonObject
        {
            ["name"] = name,
            ["port"] = port,
            ["backend"] = backend,
        };
        if (random.Next(2) == 0)
        {
            listener["protocol"] = "TCP";
            listener["tcp"] = Some(random, new JsonObject { ["balancing"] = "RoundRobin", ["idleTimeout"] = "1h" });
            return Some(random, listener, "name", "port", "backend", "protocol");
        }

        if (random.Next(3) == 0)
        {
            listener["protocol"] = "UDP";
            listener["udp"] = Some(random, new JsonObject { ["sessionTimeout"] = "90s", ["responses"] = 1 + random.Next(9) });
            return Some(random, listener, "name", "port", "backend", "protocol");
        }

        listener["protocol"] = "WebSocket";
        listener["webSocket"] = Some(
            random,
            new JsonObject
            {
                ["mode"] = "Proxy",
                ["handshakeTimeout"] = "30s",
                ["affinity"] = Some(
                    random,
                    new JsonObject { ["cookie"] = Some(random, new JsonObject { ["ttl"] = "2h", ["path"] = "/x" }) }
                ),
                ["routes"] = new JsonArray(
                    Some(
                        random,
                        new JsonObject
                        {
                            ["hosts"] = new JsonArray("*.example.com"),
                            ["pathPrefix"] = "/a",
                            ["backend"] = backend,
                        },
                        "backend"
                    )
                ),
            }
        );
        return Some(random, listener, "name", "port", "backend", "protocol");
    }

    private static JsonObject Backend(string name, Random random)
    {
        var backend = Some(
            random,
            new JsonObject
            {
                ["name"] = name,
                ["connectTimeout"] = "1m",
                ["maxConnectionsPerEndpoint"] = 10,
                ["health"] = new JsonObject { ["passive"] = Some(random, new JsonObject { ["maxFails"] = 2, ["failTimeout"] = "2m" }) },
            },
            "name"
        );
        switch (random.Next(3))
        {
            case 0:
                backend["serviceRef"] = new JsonObject { ["name"] = "service", ["port"] = 80 };
                break;
            case 1:
                backend["addresses"] = new JsonArray(
                    Some(random, new JsonObject { ["address"] = "10.0.0.1:80", ["weight"] = 2 }, "address")
                );
                break;
            default:
                backend["workload"] = Some(
                    random,
                    new JsonObject
                    {
                        ["image"] = "app",
                        ["port"] = 7000,
                        ["replicas"] = random.Next(5),
                        ["podSecurity"] = "Baseline",
                    },
                    "image"
                );
                break;
        }

        return backend;
    }

    // Each field that is not needed is left out half of the time.
    private static JsonObject Some(Random random, JsonObject map, params string[] needed)
    {
        foreach (var key in map.Select(entry => entry.Key).Where(key => !needed.Contains(key) && random.Next(2) == 0).ToList())
        {
            map.Remove(key);
        }

        return map;
    }
}
