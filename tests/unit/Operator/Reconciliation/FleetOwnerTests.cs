using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class FleetOwnerTests
{
    [Fact]
    public void Of_OwnerReference_CountsBeforeTheLabel() =>
        FleetOwner.Of(Child(owner: "web", label: "other")).ShouldBe(new ObjectKey("shop", "web"));

    [Fact]
    public void Of_OnlyTheLabel_IsTheLabels() => FleetOwner.Of(Child(owner: null, label: "web")).ShouldBe(new ObjectKey("shop", "web"));

    [Fact]
    public void Of_Stranger_IsNull() => FleetOwner.Of(Child(owner: null, label: null)).ShouldBeNull();

    [Theory]
    [InlineData("uid-1", true)]
    [InlineData("uid-2", false)]
    public void Owns_ByUid_NotByName(string uid, bool owns) =>
        FleetOwner
            .Owns(
                new ConnectionFleet
                {
                    Metadata = new ObjectMeta
                    {
                        Name = "web",
                        Namespace = "shop",
                        Uid = uid,
                    },
                },
                Child("web", "web")
            )
            .ShouldBe(owns);

    private static Service Child(string? owner, string? label) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = "child",
                Namespace = "shop",
                Labels = label is null ? null : new Dictionary<string, string> { [ResourceLabels.Fleet] = label },
                OwnerReferences = owner is null
                    ? null
                    :
                    [
                        new OwnerReference
                        {
                            ApiVersion = FleetApi.ApiVersion,
                            Kind = FleetApi.Kind,
                            Name = owner,
                            Uid = "uid-1",
                        },
                    ],
            },
        };
}
