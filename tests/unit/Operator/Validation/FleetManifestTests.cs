using System.Text;
using Mooring.Operator.Validation;

namespace Mooring.Operator.Tests.Validation;

public sealed class FleetManifestTests
{
    [Fact]
    public void Load_LeftOutFields_HaveTheirDefaults()
    {
        var fleet = Fleets.Load(Fleets.Small);

        fleet.Spec.Paused.ShouldBeFalse();
        fleet.Spec.Gateway.Replicas.ShouldBe(2);
        fleet.Spec.Gateway.Service.Type.ShouldBe("ClusterIP");
        fleet.Spec.Gateway.Drain.ShouldBeNull();
        fleet.Spec.Backends[0].Workload!.Port.ShouldBe(8080);
        fleet.Spec.Backends[0].Workload!.PodSecurity.ShouldBe("Restricted");
    }

    [Fact]
    public void Load_SameFleetInJson_IsTheSame()
    {
        var json = """
            {
            	"apiVersion": "mooring.dev/v1alpha1", "kind": "ConnectionFleet",
            	"metadata": {"name": "small", "namespace": "shop"},
            	"spec": {
            		"listeners": [{"name": "edge", "protocol": "TCP", "port": 9000, "backend": "\u0061pp"}],
            		"backends": [{"name": "app", "workload": {"image": "app", "replicas": 2}}]
            	}
            }
            """;

        Fleets.Text(Fleets.Load(json)).ShouldBe(Fleets.Text(Fleets.Load(Fleets.Small)));
    }

    [Fact]
    public void Load_WhatKubectlPrints_IsGood()
    {
        var printed = Fleets.Small.Replace(
            "metadata: {name: small, namespace: shop}",
            """
            metadata:
              annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
              creationTimestamp: "2026-01-02T03:04:05Z"
              generation: 4
              managedFields: [{manager: kubectl}]
              name: small
              namespace: shop
              resourceVersion: "77"
              uid: 3f6c2f5e-7a43-4c1c-9d0e-0c8f6c6f0a11
            status: {phase: Ready, somethingNewer: true}
            """
        );

        FleetManifest.Load(printed).Errors.ShouldBeEmpty();
    }

    [Fact]
    public void Load_ErrorsEverywhere_AreAllReportedInOrderOfTheFile()
    {
        var loaded = FleetManifest.Load(
            """
            apiVersion: mooring.dev/v1
            kind: ConnectionFleet
            metadata: {name: Bad, label: {a: b}}
            spec:
              gatway: {replicas: 1}
              gateway:
                replicas: "two"
                drain:
                  deadline: 10m
              listeners:
              - {name: a, protocol: TCP, port: 70000, backend: x}
              - nonsense
            """
        );

        loaded
            .Errors.Select(error => $"{error.Line} {error}")
            .ShouldBe([
                "1 apiVersion: must be mooring.dev/v1alpha1, not mooring.dev/v1",
                "3 metadata.label: unknown field; did you mean labels?",
                "3 metadata.name: must be lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit",
                "5 spec.gatway: unknown field; did you mean gateway?",
                "7 spec.gateway.replicas: must be a whole number, not the text 'two'",
                "9 spec.gateway.drain.deadline: with lameDuck must be at most 590s: cluster autoscalers wait 600s for a pod",
                "11 spec.listeners[0].backend: there is no backend 'x': spec.backends is empty",
                "11 spec.listeners[0].port: must be 1 to 65535, not 70000",
                "12 spec.listeners[1]: must be an object, not the text 'nonsense'",
            ]);
    }

    [Fact]
    public void LoadAll_SeveralDocuments_SkipsOtherKindsAndKeepsLines()
    {
        var text =
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n"
            + Fleets.Small
            + "\n---\n"
            + Fleets.Small.Replace("9000", "0")
            + "\n---\n";

        var fleets = FleetManifest.LoadAll(text);

        fleets.Count.ShouldBe(2);
        fleets[0].Fleet!.Metadata.Name.ShouldBe("small");
        fleets[1].Errors.ShouldHaveSingleItem().Line.ShouldBe(20);
    }

    [Fact]
    public void Load_TwoFleets_IsAnError() =>
        FleetManifest.Load(Fleets.Small + "\n---\n" + Fleets.Small).Errors.ShouldHaveSingleItem().Message.ShouldContain("2 fleets");

    [Theory]
    [InlineData("", "there is no ConnectionFleet")]
    [InlineData("# nothing\n---\n", "there is no ConnectionFleet")]
    [InlineData("- 1", "must be an object")]
    [InlineData("a: [", "line 2")]
    [InlineData("a: 1\na: 2", "Duplicate key a")]
    [InlineData("? {a: b}\n: c", "a key must be a text")]
    [InlineData("&a [*a]", "nested more than 64")]
    [InlineData("spec: {<<: 3}", "<< must name a map")]
    public void Load_NoManifest_SaysWhy(string text, string message)
    {
        var loaded = FleetManifest.Load(text);

        loaded.Fleet.ShouldBeNull();
        loaded.Errors.ShouldContain(error => error.ToString().Contains(message));
    }

    [Fact]
    public void Load_DeepNesting_IsRefusedWithoutOverflow() =>
        FleetManifest.Load(new string('[', 500_000)).Errors.ShouldHaveSingleItem().Message.ShouldContain("nested more than 64");

    [Fact]
    public void Load_AliasesThatMultiply_AreRefused()
    {
        var bomb = new StringBuilder("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (var i = 1; i < 12; i++)
        {
            bomb.Append($"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        FleetManifest.Load(bomb.ToString()).Errors.ShouldHaveSingleItem().Message.ShouldContain("100000 values");
    }

    [Fact]
    public void Load_TooLong_IsRefused() =>
        FleetManifest.Load(new string('#', YamlReader.MaxLength + 1)).Errors.ShouldHaveSingleItem().Message.ShouldContain("longer");

    [Fact]
    public void Load_AnchorsAndMergeKeys_AreFollowed()
    {
        var fleet = Fleets.Load(
            """
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: merged}
            spec:
              listeners:
              - &edge {name: edge, protocol: TCP, port: 9000, backend: app}
              - {<<: *edge, name: other, port: 9001}
              backends:
              - {name: app, addresses: [{address: "[::1]:80"}]}
            """
        );

        fleet
            .Spec.Listeners.Select(listener => (listener.Name, listener.Port, listener.Backend))
            .ShouldBe([("edge", 9000, "app"), ("other", 9001, "app")]);
    }

    [Theory]
    [InlineData("[::]:80")]
    [InlineData("[FD00::FFFF]:80")]
    [InlineData("[::ffff:10.0.0.1]:80")]
    [InlineData("[1:2:3:4:5:6:10.0.0.1]:80")]
    [InlineData("a1.example.com:80")]
    [InlineData("10.0.0.1:80")]
    public void Load_AddressOfEveryForm_IsTaken(string address) =>
        FleetManifest.Load(Fleets.Small + $"\n  - {{name: other, addresses: [{{address: '{address}'}}]}}").Errors.ShouldBeEmpty();

    /// <summary>As the API server takes them in a container; the API tests hold such against one.</summary>
    [Theory]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 1}}", true)]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 1}, limits: {feature.node.kubernetes.io/sgx: 1500m}}", true)]
    [InlineData("{requests: {feature.node.kubernetes.io/sgx: 2}, limits: {feature.node.kubernetes.io/sgx: 1}}", false)]
    [InlineData("{limits: {kubernetes.io/-: 1}}", false)]
    [InlineData("{requests: {example.com/nic: 1k}, limits: {example.com/nic: 1000}}", true)]
    [InlineData("{limits: {example.com/nic: 3000000000}}", true)]
    [InlineData("{limits: {example.com/nic: '1.0'}}", true)]
    [InlineData("{limits: {example.com/nic: 1001m}}", false)]
    public void Load_Resources_AreTakenAsAContainerMayHaveThem(string resources, bool taken) =>
        FleetManifest
            .Load(Fleets.Small.Replace("spec:", $"spec:\n  gateway: {{resources: {resources}}}"))
            .Errors.Count.ShouldBe(taken ? 0 : 1);

    [Theory]
    [InlineData("/", true)]
    [InlineData("/..a/.b/c..", true)]
    [InlineData("/...", true)]
    [InlineData("/%252e/%2F..a/%2561", true)]
    [InlineData("/a;x=../b", true)]
    [InlineData("/.", false)]
    [InlineData("/a%2F../b", false)]
    [InlineData("/a/%2e.%2fb", false)]
    [InlineData("/a/..;x=1/b", false)]
    [InlineData("/a/..%3bx=1/b", false)]
    [InlineData("/a/.%2e/b", false)]
    [InlineData("/%5C", false)]
    [InlineData("/%2", false)]
    [InlineData("/%", false)]
    [InlineData("/%%41", false)]
    public void Load_PathPrefix_IsTakenWhereTheGatewayServesSuchPaths(string prefix, bool taken) =>
        FleetManifest
            .Load(
                $$$$"""
                apiVersion: mooring.dev/v1alpha1
                kind: ConnectionFleet
                metadata: {name: paths}
                spec:
                  listeners:
                  - {name: live, protocol: WebSocket, port: 9001, webSocket: {routes: [{pathPrefix: {{{{prefix}}}}, backend: app}]}}
                  backends:
                  - {name: app, addresses: [{address: '10.0.0.1:80'}]}
                """
            )
            .Errors.Count.ShouldBe(taken ? 0 : 1);

    [Fact]
    public void Validate_FleetWithDefaultsOnly_AgreesWithTheManifest()
    {
        var fleet = Fleets.Load(Fleets.Small);

        FleetValidator.Validate(fleet).ShouldBeEmpty();
        FleetValidator
            .Validate(fleet with { Spec = fleet.Spec with { Listeners = [] } })
            .ShouldHaveSingleItem()
            .Path.ShouldBe("spec.listeners");
    }

    [Fact]
    public void ValidateForHost_ServiceRefAndImageOnly_AreRefused()
    {
        var fleet = Fleets.Load(Fleets.Small + "\n  - {name: other, serviceRef: {name: s, port: 1}}");

        FleetValidator
            .ValidateForHost(fleet)
            .Select(error => error.Path)
            .ShouldBe(["spec.backends[0].workload.command", "spec.backends[1].serviceRef"]);
    }
}
