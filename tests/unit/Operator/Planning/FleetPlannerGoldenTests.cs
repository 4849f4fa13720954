using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Contracts;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Schema;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Planning;

/// <summary>
/// Each <c>Golden/NAME.in.yaml</c> holds a fleet and the Deployments and pods that are there; <c>NAME.out.yaml</c> is the whole plan. MOORING_GOLDEN=1 writes the
/// latter anew.
/// </summary>
public sealed class FleetPlannerGoldenTests
{
    private static readonly string Folder = Repository.PathOf("tests", "unit", "Operator", "Planning", "Golden");

    public static TheoryData<string> Names() =>
        [.. Directory.GetFiles(Folder, "*.in.yaml").Select(path => Path.GetFileName(path)[..^".in.yaml".Length]).Order()];

    [Theory]
    [MemberData(nameof(Names))]
    public void Plan_GoldenInput_GivesGoldenPlan(string name)
    {
        var plan = FleetPlanner.Plan(Input(File.ReadAllText(Path.Combine(Folder, $"{name}.in.yaml"))));

        var text = Write(plan);

        var file = Path.Combine(Folder, $"{name}.out.yaml");
        if (Environment.GetEnvironmentVariable("MOORING_GOLDEN") == "1")
        {
            File.WriteAllText(file, text);
        }

        text.ShouldBe(
            File.ReadAllText(file),
            $"if the change is meant, run the tests with MOORING_GOLDEN=1 and look at the difference of {name}.out.yaml"
        );
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Plan_ConfigMap_IsWhatTheGatewayReads(string name)
    {
        var plan = FleetPlanner.Plan(Input(File.ReadAllText(Path.Combine(Folder, $"{name}.in.yaml"))));

        var map = plan.Objects.OfType<ConfigMap>().ShouldHaveSingleItem();

        ContractsJson
            .Hash(ContractsJson.ParseConfig(System.Text.Encoding.UTF8.GetBytes(map.Data!["gateway.json"])))
            .ShouldBe(plan.ConfigHash);
    }

    private static FleetInput Input(string text) =>
        new()
        {
            Fleet = Fleets.Load(text),
            HasServiceMonitors = true,
            Stream = new StreamEndpoint("wss://mooring-stream.mooring-system.svc:8443/stream/v1", "-----BEGIN CERTIFICATE-----\n"),
            Now = DateTimeOffset.UnixEpoch,
            Pods = YamlReader
                .Read(text)
                .Where(document => (string?)document.Value!["kind"] == "Pod")
                .Select(document => document.Value.Deserialize(ResourcesJson.Default.Pod)!)
                .ToList(),
            View = View(text),
            Deployments = YamlReader
                .Read(text)
                .Where(document => (string?)document.Value!["kind"] == "Deployment")
                .Select(document => document.Value.Deserialize(ResourcesJson.Default.Deployment)!)
                .ToList(),
        };

    /// <summary>What gateways say: documents of kind GatewayReport, with the connections by backend and endpoint; none where there is no such document.</summary>
    private static FleetView? View(string text)
    {
        var reports = YamlReader.Read(text).Where(document => (string?)document.Value!["kind"] == "GatewayReport").ToList();
        return reports.Count == 0
            ? null
            : new FleetView { Fleet = "golden", Gateways = [.. reports.Select(report => View(report.Value!.AsObject()))] };
    }

    private static GatewayView View(JsonObject report) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "golden",
                Gateway = (string)report["gateway"]!,
                Version = "1",
            },
            ConnectedAt = DateTimeOffset.UnixEpoch,
            SeenAt = DateTimeOffset.UnixEpoch,
            ReportedAt = DateTimeOffset.UnixEpoch,
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = 0,
                Capacity = 1000,
                Backends =
                [
                    .. report["backends"]!
                        .AsObject()
                        .Select(backend => new BackendLoad
                        {
                            Name = backend.Key,
                            Endpoints =
                            [
                                .. backend
                                    .Value!.AsObject()
                                    .Select(pair => new EndpointLoad { Id = pair.Key, Connections = (int)(long)pair.Value! }),
                            ],
                        }),
                ],
            },
        };

    private static string Write(FleetPlan plan)
    {
        var summary = new JsonObject
        {
            ["configHash"] = plan.ConfigHash,
            ["gatewayDeployment"] = plan.GatewayDeployment,
            ["rollout"] = plan.Rollout.ToString(),
            ["paused"] = plan.Paused,
            ["retiring"] = new JsonObject(plan.Retiring.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)one.Replicas))),
            ["marks"] = new JsonObject(plan.Marks.Select(one => KeyValuePair.Create(one.Gateway, (JsonNode?)one.After?.ToString()))),
            ["endpointSources"] = new JsonObject(
                plan.EndpointSources.Select(one =>
                    KeyValuePair.Create(one.Backend, (JsonNode?)$"{one.Service}:{one.ServicePort?.ToString() ?? "any"}")
                )
            ),
            ["workloads"] = new JsonObject(
                plan.Workloads.Select(one => KeyValuePair.Create(one.Backend, (JsonNode?)$"{one.Deployment} x{one.Replicas}"))
            ),
        };
        if (plan.Workloads.Any(static one => one.Scaling is not null))
        {
            summary["workloadScaling"] = new JsonObject(
                plan.Workloads.Select(one => KeyValuePair.Create(one.Backend, (JsonNode?)one.Scaling?.Message))
            );
            summary["workloadMarks"] = new JsonObject(
                plan.WorkloadMarks.Select(one => KeyValuePair.Create(one.Gateway, (JsonNode?)one.After?.ToString()))
            );
            summary["workloadDrains"] = new JsonObject(
                plan.Workloads.Select(one => KeyValuePair.Create(one.Backend, (JsonNode?)string.Join(' ', one.Draining.Order())))
            );
            summary["endpointClosesPerSecond"] = plan.EndpointClosesPerSecond;
        }

        return string.Join(
            "---\n",
            plan.Objects.Select(one => JsonNode.Parse(ResourcesJson.Serialize(one))).Prepend(summary).Select(YamlWriter.Write)
        );
    }
}
