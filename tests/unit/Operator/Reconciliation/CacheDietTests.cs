using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class CacheDietTests
{
    [Fact]
    public void Trim_Metadata_IsEqualAndShared()
    {
        var (one, other) = (Gateway("web-1"), Gateway("web-2"));
        CacheDiet.Trim(one);
        CacheDiet.Trim(other);

        one.Metadata.Labels.ShouldBe(new Dictionary<string, string> { ["mooring.dev/fleet"] = "shop" });
        one.Metadata.Name.ShouldBe("web-1");
        one.Metadata.Labels.ShouldBeSameAs(other.Metadata.Labels);
        one.Metadata.OwnerReferences![0].Uid.ShouldBe("uid-1");
    }

    [Fact]
    public void Shared_LabelsOfTheSameContent_AreOneInAnyOrder()
    {
        Dictionary<string, string> One() => new() { ["diet"] = "a", ["other"] = "b" };
        var kept = CacheDiet.SharedMap(One())!;

        CacheDiet.SharedMap(One()).ShouldBeSameAs(kept);
        CacheDiet.SharedMap(new Dictionary<string, string> { ["other"] = "b", ["diet"] = "a" }).ShouldBeSameAs(kept);
        CacheDiet.SharedMap(new Dictionary<string, string> { ["diet"] = "b", ["other"] = "a" })!["diet"].ShouldBe("b");
        CacheDiet.SharedMap(new Dictionary<string, string> { ["diet"] = "a" })!.Count.ShouldBe(1);
        kept.ShouldBe(One());
    }

    [Fact]
    public void Shared_LongTexts_AreKeptApart()
    {
        var text = new string('x', 5000);
        var (one, other) = (CacheDiet.SharedMap(new() { ["spec"] = text }), CacheDiet.SharedMap(new() { ["spec"] = text }));
        other.ShouldBe(one);
        other.ShouldNotBeSameAs(one);
    }

    [Fact]
    public void TrimDeployment_Selectors_AreEqualAndShared()
    {
        Deployment One() =>
            new()
            {
                Spec = new DeploymentSpec
                {
                    Selector = new LabelSelector { MatchLabels = new() { ["trim"] = "web" } },
                    Template = new PodTemplateSpec { Metadata = new ObjectMeta { Labels = new() { ["trim"] = "web" } } },
                },
            };
        var (one, other) = (One(), One());
        CacheDiet.TrimDeployment(one);
        CacheDiet.TrimDeployment(other);

        one.Spec!.Selector!.MatchLabels.ShouldBe(new Dictionary<string, string> { ["trim"] = "web" });
        one.Spec.Selector.MatchLabels.ShouldBeSameAs(other.Spec!.Selector!.MatchLabels);
        one.Spec.Template!.Metadata!.Labels.ShouldBeSameAs(other.Spec.Selector.MatchLabels);
    }

    [Fact]
    public void Trim_CopyOfKubectl_IsDropped()
    {
        var pod = Gateway("web-1");
        pod.Metadata.Annotations = new Dictionary<string, string>
        {
            ["kubectl.kubernetes.io/last-applied-configuration"] = "{}",
            ["mine"] = "1",
        };
        CacheDiet.Trim(pod);
        pod.Metadata.Annotations.ShouldBe(new Dictionary<string, string> { ["mine"] = "1" });
    }

    [Fact]
    public void TrimPod_OfADeployment_KeepsItsNodeAlone()
    {
        var pod = Gateway("web-1");
        CacheDiet.TrimPod(pod);
        pod.Spec!.NodeName.ShouldBe("node-1");
        pod.Spec.Containers.ShouldBe(new PodSpec().Containers);
    }

    [Fact]
    public void TrimPod_OfTheFleetItself_IsComparedAndSoKeptWhole()
    {
        var pod = Gateway("trial");
        pod.Metadata.OwnerReferences![0].Kind = FleetApi.Kind;
        pod.Metadata.OwnerReferences[0].ApiVersion = FleetApi.ApiVersion;
        CacheDiet.TrimPod(pod);
        pod.Spec!.Containers!.Single().Name.ShouldBe("gateway");
    }

    [Fact]
    public void TrimPod_WithoutSpec_StaysSo()
    {
        var pod = new Pod { Metadata = new ObjectMeta { Name = "web-1" } };
        CacheDiet.TrimPod(pod);
        pod.Spec.ShouldBeNull();
    }

    // Each with texts of its own, as they come from JSON.
    private static Pod Gateway(string name) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = Fresh("cache-diet"),
                Labels = new Dictionary<string, string> { [Fresh("mooring.dev/fleet")] = Fresh("shop") },
                OwnerReferences =
                [
                    new OwnerReference
                    {
                        ApiVersion = "apps/v1",
                        Kind = "ReplicaSet",
                        Name = Fresh("web"),
                        Uid = Fresh("uid-1"),
                        Controller = true,
                    },
                ],
            },
            Spec = new PodSpec { NodeName = "node-1", Containers = [new Container { Name = "gateway" }] },
        };

    private static string Fresh(string text) => new(text.AsSpan());
}
