using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Planning.Workloads;

/// <summary>A fleet with a scaled workload, its pods and what its gateways say of them.</summary>
internal sealed record WorkloadRig
{
    public const int Each = 100;
    public static readonly DateTimeOffset Start = new(2026, 1, 7, 12, 0, 0, TimeSpan.Zero);

    public DateTimeOffset Now { get; init; } = Start;

    /// <summary>Of the Deployment.</summary>
    public int Asked { get; init; } = 2;

    /// <summary>What the status remembers; null: nothing yet.</summary>
    public WorkloadStatus? Remembered { get; init; }

    public IReadOnlyList<Pod> Pods { get; init; } = [];

    public IReadOnlyList<GatewayView> Gateways { get; init; } = [];

    public string Scaling { get; init; } = "{minReplicas: 1, maxReplicas: 10, scaleUpCooldown: 0s, scaleDownCooldown: 0s}";

    public bool Paused { get; init; }

    public bool Streams { get; init; } = true;

    public int Updated { get; init; } = int.MaxValue;

    public FleetInput Input()
    {
        var scaling = Scaling.Length == 0 ? "" : ", scaling: " + Scaling;
        var paused = Paused ? "true" : "false";
        var fleet = Fleets.Load(
            $$$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: demo, namespace: shop}
            spec:
              paused: {{{paused}}}
              gateway: {drain: {deadline: 60s, reconnectsPerSecond: 50}}
              listeners:
              - {name: live, protocol: WebSocket, port: 9001, backend: chat}
              backends:
              - name: chat
                workload: {image: "chat:1", replicas: 2, maxConnections: {{{Each}}}{{{scaling}}}}
            """
        );
        return new FleetInput
        {
            Fleet = fleet with { Status = new FleetStatus { Workloads = Remembered is null ? null : [Remembered] } },
            Stream = new StreamEndpoint("wss://mooring.example:8443/stream/v1", "ca"),
            Now = Now,
            Pods = Pods,
            View = Streams ? new FleetView { Fleet = "shop/demo", Gateways = Gateways } : null,
            Deployments =
            [
                new Deployment
                {
                    Metadata = new ObjectMeta { Name = ResourceNames.Backend("demo", "chat"), Generation = 1 },
                    Spec = new DeploymentSpec
                    {
                        Replicas = Asked,
                        Selector = new LabelSelector(),
                        Template = new PodTemplateSpec(),
                    },
                    Status = new DeploymentStatus
                    {
                        ObservedGeneration = 1,
                        Replicas = Asked,
                        UpdatedReplicas = Math.Min(Asked, Updated),
                    },
                },
            ],
        };
    }

    public FleetPlan Plan() => FleetPlanner.Plan(Input());

    public WorkloadPlan Workload() => Plan().Workloads.ShouldHaveSingleItem();

    /// <summary>What the Deployment is to ask for.</summary>
    public static int Replicas(FleetPlan plan) =>
        plan.Objects.OfType<Deployment>().Single(one => one.Metadata.Name == ResourceNames.Backend("demo", "chat")).Spec!.Replicas!.Value;

    public static BackendSpec Backend(FleetInput input) => input.Fleet.Spec.Backends[0];

    public static Pod Pod(string name, DrainMark? mark = null, bool ready = true) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string>(ResourceLabels.ForBackend("demo", "chat")),
                Annotations = DrainAnnotations
                    .Write(mark)
                    .Where(static pair => pair.Value is not null)
                    .ToDictionary(static pair => pair.Key, static pair => pair.Value!),
            },
            Spec = new PodSpec { NodeName = "node" },
            Status = new PodStatus
            {
                Phase = "Running",
                Conditions = [new PodCondition { Type = "Ready", Status = ready ? "True" : "False" }],
            },
        };

    public static GatewayView Gateway(string name, DateTimeOffset at, params (string Pod, int Connections)[] loads) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "shop/demo",
                Gateway = name,
                Version = "1",
            },
            ConnectedAt = at,
            SeenAt = at,
            ReportedAt = at,
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = loads.Sum(static load => load.Connections),
                Capacity = 10_000,
                Backends =
                [
                    new BackendLoad
                    {
                        Name = "chat",
                        Endpoints = [.. loads.Select(static load => new EndpointLoad { Id = load.Pod, Connections = load.Connections })],
                    },
                ],
            },
        };
}
