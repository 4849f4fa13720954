using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Planning;

public sealed class FleetPresetsTests
{
    private static readonly string[] Names = ["Small", "Production", "Extreme"];

    [Theory]
    [InlineData("Small", 4250L, 100)]
    [InlineData("Production", 8250L, 200)]
    public void Fill_NumberedPreset_SetsConnectionsAndPace(string preset, long connections, int reconnects)
    {
        var gateway = Fill(preset, new GatewaySpec());

        gateway.Capacity!.MaxConnections!.Value.Number.ShouldBe(connections);
        gateway.Capacity.Workers.ShouldBeNull();
        gateway.Drain!.ReconnectsPerSecond.ShouldBe(reconnects);
        gateway.Resources!.Limits!.Keys.ShouldBe(["memory"]);
    }

    [Fact]
    public void Fill_Extreme_IsAutoByFourWorkersACore()
    {
        var gateway = Fill("Extreme", new GatewaySpec());

        gateway.Capacity!.MaxConnections.ShouldBeNull();
        gateway.Capacity.Workers.ShouldBe(new WorkersSpec { Connections = 10_000, PerCore = 4 });
        gateway.Resources!.Limits.ShouldBeNull("the node is the limit");
    }

    [Fact]
    public void Fill_WhatTheSpecSays_Stays()
    {
        var resources = new ResourcesSpec { Requests = new Dictionary<string, IntOrString> { ["cpu"] = "1" } };
        foreach (var preset in Names)
        {
            var gateway = Fill(
                preset,
                new GatewaySpec
                {
                    Capacity = new CapacitySpec { MaxConnections = 77, PerAddress = 5 },
                    Drain = new DrainSpec { ReconnectsPerSecond = 3, Deadline = "1m" },
                    Resources = resources,
                }
            );

            gateway.Capacity.ShouldBe(new CapacitySpec { MaxConnections = 77, PerAddress = 5 });
            gateway.Drain.ShouldBe(new DrainSpec { ReconnectsPerSecond = 3, Deadline = "1m" });
            gateway.Resources.ShouldBe(resources);
        }
    }

    [Fact]
    public void Fill_AutoSaidOutright_StaysAuto()
    {
        Fill("Small", new GatewaySpec { Capacity = new CapacitySpec { MaxConnections = "Auto" } })
            .Capacity!.MaxConnections!.Value.Text.ShouldBe("Auto");
        Fill("Small", new GatewaySpec { Capacity = new CapacitySpec { Workers = new WorkersSpec() } })
            .Capacity!.MaxConnections.ShouldBeNull();
    }

    [Fact]
    public void Fill_NoPreset_IsTheFleetItself()
    {
        var fleet = new ConnectionFleet();

        FleetPresets.Fill(fleet).ShouldBeSameAs(fleet);
    }

    [Fact]
    public void Load_EveryPreset_IsFilledAndGood()
    {
        foreach (var preset in Names)
        {
            var loaded = FleetManifest.Load(
                $$"""
                apiVersion: mooring.dev/v1alpha1
                kind: ConnectionFleet
                metadata: {name: a}
                spec:
                  preset: {{preset}}
                  listeners: [{name: edge, protocol: TCP, port: 9000, backend: app}]
                  backends: [{name: app, addresses: [{address: 'a:1'}]}]
                """
            );

            loaded.Errors.ShouldBeEmpty();
            loaded.Fleet!.Spec.Gateway.Resources.ShouldNotBeNull();
        }
    }

    private static GatewaySpec Fill(string preset, GatewaySpec gateway) =>
        FleetPresets
            .Fill(
                new ConnectionFleet
                {
                    Spec = new FleetSpec { Preset = preset, Gateway = gateway },
                }
            )
            .Spec.Gateway;
}
