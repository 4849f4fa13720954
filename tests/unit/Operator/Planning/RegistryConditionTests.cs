using Mooring.Contracts.Stream;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class RegistryConditionTests
{
    [Fact]
    public void NothingShared_HasNoCondition() => Condition(Fleets.Load(Manifest(""))).ShouldBeNull();

    [Fact]
    public void NobodyReports_IsUnknown() =>
        Condition(Shared()).ShouldBe(("Unknown", "RegistryNotReported", "no gateway has said yet whether it is connected"));

    [Fact]
    public void AllConnected_IsTrue() =>
        Condition(Shared(), (true, null), (true, null)).ShouldBe(("True", "RegistryConnected", "2/2 gateways are connected"));

    [Fact]
    public void OneIsAway_IsFalseAndSaysWhoAndWhy() =>
        Condition(Shared(), (true, null), (false, "no answer within 1000 ms"))
            .ShouldBe(
                ("False", "RegistryDegraded", "1/2 gateways are connected; the others work on their own: g-1: no answer within 1000 ms")
            );

    [Fact]
    public void LimitWithoutRegistry_IsFalse() =>
        Condition(Fleets.Load(Manifest("  gateway: {capacity: {fleetConnections: 10}}\n")), (false, "no registry is configured"))
            ?.Reason.ShouldBe("RegistryNotConfigured");

    [Theory]
    [InlineData("Hub", "gateway: {replicas: 2}", "channels of a Hub")]
    [InlineData("Hub", "gateway: {replicas: 1}", null)]
    [InlineData(
        "Hub",
        "gateway: {replicas: 1}; scaling: {driver: HorizontalPodAutoscaler, minReplicas: 1, maxReplicas: 3}",
        "channels of a Hub"
    )]
    [InlineData("Hub", "gateway: {replicas: 1}; scaling: {driver: Operator, minReplicas: 1, maxReplicas: 1}", null)]
    [InlineData("Hub", "gateway: {replicas: 2}; registry: {redis: {addresses: ['redis:6379']}}", null)]
    [InlineData("Tunnel", "gateway: {replicas: 2}", "a tunnel works only")]
    [InlineData("Identity", "gateway: {replicas: 2}", "perUser and perDevice are of each gateway")]
    [InlineData("Identity", "gateway: {replicas: 2, capacity: {perUser: 0, perDevice: 0}}", null)]
    [InlineData("Identity", "gateway: {replicas: 1}", null)]
    public void SeveralGatewaysWithoutRegistry_SaysWhatGoesWrong(string kind, string spec, string? lacks)
    {
        var listener = kind switch
        {
            "Hub" => "{name: hub, protocol: WebSocket, port: 8444, webSocket: {mode: Hub, hub: {anonymous: true}}}",
            "Tunnel" => "{name: bore, protocol: Tunnel, port: 7835, tunnel: {portRange: {start: 20000, end: 20010}}}",
            _ => "{name: chat, protocol: WebSocket, port: 8080, backend: app, webSocket: {identity: {user: {from: Header, name: X-User}}}}",
        };
        var fleet = Fleets.Load(
            $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: small, namespace: default}
            spec:
              {{spec.Replace("; ", "\n  ", StringComparison.Ordinal)}}
              listeners: [{{listener}}]
              backends: [{name: app, addresses: [{address: '10.0.0.1:80'}]}]
            """
        );

        var found = Condition(fleet);

        if (lacks is null)
        {
            found?.Reason.ShouldNotBe("RegistryNotConfigured");
            return;
        }

        (found?.Status, found?.Reason).ShouldBe(("False", "RegistryNotConfigured"));
        found!.Value.Message.ShouldContain(lacks);
        // Gateways of a host that were given one by their environment.
        Condition(fleet, (true, null)).ShouldBeNull();
    }

    private static ConnectionFleet Shared() => Fleets.Load(Manifest("  registry: {redis: {addresses: ['redis:6379']}}\n"));

    private static string Manifest(string spec) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: small, namespace: default}
            spec:
            {{spec}}  listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: app}
              backends:
              - {name: app, addresses: [{address: '10.0.0.1:80'}]}
            """;

    private static (string Status, string Reason, string Message)? Condition(
        ConnectionFleet fleet,
        params (bool Connected, string? Problem)[] gateways
    )
    {
        var input = new FleetInput { Fleet = fleet, Platform = FleetPlatform.Host };
        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = FleetPlanner.Plan(input),
                View = new FleetView { Fleet = "default/small", Gateways = [.. gateways.Select(Gateway)] },
                Now = DateTimeOffset.UnixEpoch,
            }
        );
        var found = status.Conditions!.FirstOrDefault(condition => condition.Type == "RegistryConnected");
        return found is null ? null : (found.Status!, found.Reason!, found.Message!);
    }

    private static GatewayView Gateway((bool Connected, string? Problem) registry, int number) =>
        new()
        {
            Hello = new HelloMessage
            {
                Fleet = "default/small",
                Gateway = $"g-{number}",
                Version = "1",
            },
            ConnectedAt = DateTimeOffset.UnixEpoch,
            SeenAt = DateTimeOffset.UnixEpoch,
            Report = new ReportMessage
            {
                State = GatewayState.Serving,
                Connections = 0,
                Capacity = 1,
                Registry = new RegistryLoad { Connected = registry.Connected, Problem = registry.Problem },
            },
        };
}
