namespace Mooring.Benchmarks.Operator;

/// <summary>The fleets that are made: many small ones, and a wide one.</summary>
internal static class BenchFleets
{
    /// <summary>Gateways of a small fleet.</summary>
    public const int Gateways = 2;

    /// <summary>Gateways of the wide one.</summary>
    public const int WideGateways = 100;

    public const string Wide = "wide";

    /// <summary>Fleets are spread over this many namespaces.</summary>
    public const int Namespaces = 10;

    public static string Namespace(int fleet) => $"fleets-{fleet % Namespaces}";

    public static string Name(int fleet) => $"fleet-{fleet}";

    /// <summary>Two workloads, a TCP and a WebSocket listener.</summary>
    public static string Small(int fleet) => Manifest(Name(fleet), Gateways, "echo", "chat");

    public static string WideOne() => Manifest(Wide, WideGateways, "echo", "chat");

    /// <summary>A change that gateways take without a restart, another each time.</summary>
    public static string Change(int round) => $$$"""{"spec": {"gateway": {"capacity": {"perAddress": {{{200 + round}}} } } } }""";

    private static string Manifest(string name, int gateways, string one, string other) =>
        $$"""
            {
              "apiVersion": "mooring.dev/v1alpha1", "kind": "ConnectionFleet", "metadata": {"name": "{{name}}"},
              "spec": {
                "gateway": {
                  "replicas": {{gateways}},
                  "capacity": {"maxConnections": 10000, "perAddress": 100},
                  "drain": {"lameDuck": "2s", "deadline": "30s"}
                },
                "listeners": [
                  {"name": "{{one}}", "protocol": "TCP", "port": 9000, "backend": "{{one}}"},
                  {"name": "{{other}}", "protocol": "WebSocket", "port": 9001, "backend": "{{other}}"}
                ],
                "backends": [
                  {"name": "{{one}}", "workload": {"image": "app:1", "replicas": 2} },
                  {"name": "{{other}}", "workload": {"image": "app:1", "replicas": 2} }
                ]
              }
            }
            """;
}
