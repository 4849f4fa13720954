using System.Text.Json;
using Mooring.Contracts;
using Mooring.Gateway.Configuration;
using Mooring.Operator.Planning;
using Mooring.Operator.Validation;
using Mooring.Testing.ManifestWalks;

namespace Mooring.Operator.Tests.Validation;

/// <summary>What the operator calls good, gateways must take: one that refuses its config does not start.</summary>
public sealed class ManifestWalkTests
{
    private static readonly int Steps = ManifestWalk.Setting("MOORING_WALK_STEPS", 40);
    private static readonly int Seed = ManifestWalk.Setting("MOORING_WALK_SEED", 1);
    private static readonly DateTimeOffset Now = new(2026, 2, 28, 23, 59, 59, TimeSpan.Zero);
    private static readonly IReadOnlyList<string> Manifests = ManifestWalk.Starts(Repository.PathOf());

    public static TheoryData<int> Starts() => [.. Enumerable.Range(0, Manifests.Count)];

    [Theory]
    [MemberData(nameof(Starts))]
    public void Compile_WhateverIsGood_IsTakenByGateways(int start)
    {
        var walk = new ManifestWalk(Manifests[start], Manifests, Seed + start);
        for (var step = 0; step < Steps; step++)
        {
            var changed = walk.Step();
            var input = new FleetInput
            {
                Fleet = walk.Fleet,
                Now = Now,
                Stream = new StreamEndpoint("wss://operator/stream/v1", "ca"),
                HasServiceMonitors = true,
            };

            Errors(input).ShouldBeEmpty($"{changed} in {walk.Manifest.ToJsonString()}");
            if (FleetValidator.ValidateForHost(walk.Fleet).Count == 0)
            {
                Errors(input with { Platform = FleetPlatform.Host })
                    .ShouldBeEmpty($"{changed} in {walk.Manifest.ToJsonString()}, on a host");
            }
        }
    }

    private static IReadOnlyList<string> Errors(FleetInput input)
    {
        var written = JsonSerializer.SerializeToUtf8Bytes(FleetPlanner.Plan(input).Config, ContractsJson.Strict.GatewayConfig);
        return ConfigCompiler.Compile(ContractsJson.ParseConfig(written), 10_000).Errors;
    }
}
