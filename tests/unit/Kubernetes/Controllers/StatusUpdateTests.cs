using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Tests.Controllers;

public sealed class StatusUpdateTests
{
    private static readonly Dictionary<string, string> Labels = new() { ["app"] = "a" };
    private static readonly Dictionary<string, string> Annotations = new() { ["note"] = "b" };

    public static TheoryData<string, bool> Updates =>
        new()
        {
            { "status", true },
            { "spec", false },
            { "other object", false },
            { "deletion", false },
            { "labels", false },
            { "annotations", false },
            { "no generation", false },
        };

    [Theory]
    [MemberData(nameof(Updates))]
    public void Is_WhatLeavesAllElseAsItWas(string what, bool expected)
    {
        var (before, after) = (Make(), Make());
        after.Metadata.ResourceVersion = "2";
        switch (what)
        {
            case "spec":
                after.Metadata.Generation = 2;
                break;
            case "other object":
                after.Metadata.Uid = "other";
                break;
            case "deletion":
                after.Metadata.DeletionTimestamp = DateTimeOffset.UnixEpoch;
                break;
            case "labels":
                after.Metadata.Labels = new() { ["app"] = "b" };
                break;
            case "annotations":
                after.Metadata.Annotations = null;
                break;
            case "no generation":
                before.Metadata.Generation = after.Metadata.Generation = null;
                break;
        }

        StatusUpdate.Is(before, after).ShouldBe(expected);
    }

    private static Widget Make() =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = "a",
                Uid = "1",
                ResourceVersion = "1",
                Generation = 1,
                Labels = Labels,
                Annotations = Annotations,
            },
        };
}
