using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Testing.ClientCases;

/// <summary>Deletes: finalizers, preconditions, owners.</summary>
public abstract class DeletionCases(ICaseServer server) : CaseBase(server)
{
    [Case]
    public async Task Finalizer_KeepsTheObject_UntilItIsRemoved()
    {
        await CreateWithFinalizerAsync();
        (await DeleteAsync()).ShouldBeTrue();
        var marked = await GetAsync("a");
        marked.Metadata.DeletionTimestamp.ShouldNotBeNull();
        marked.Metadata.DeletionGracePeriodSeconds.ShouldBe(0);
        marked.Metadata.Generation.ShouldBe(2);
        (await DeleteAsync()).ShouldBeTrue();
        (await GetAsync("a")).Metadata.ResourceVersion.ShouldBe(marked.Metadata.ResourceVersion);
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        (await GetAsync("a")).Metadata.DeletionTimestamp.ShouldBe(marked.Metadata.DeletionTimestamp);
        await MergeAsync("a", """{"metadata":{"finalizers":null}}""");
        (await FindAsync("a")).ShouldBeNull();
    }

    [Case]
    public async Task Finalizer_NoneIsAddedToTheDying()
    {
        await CreateWithFinalizerAsync();
        await DeleteAsync();
        var error = await RefusedAsync(MergeAsync("a", """{"metadata":{"finalizers":["test.mooring.dev/one","test.mooring.dev/two"]}}"""));
        error.IsInvalid.ShouldBeTrue();
        error.Causes.ShouldNotBeEmpty();
        error.Causes.ShouldAllBe(one => one.Reason == "FieldValueForbidden" && one.Field == "metadata.finalizers");
    }

    [Case]
    public async Task DeletionTimestamp_CannotBeSetByHand()
    {
        await CreateAsync("a", "red");
        var error = await RefusedAsync(MergeAsync("a", """{"metadata":{"deletionTimestamp":"2030-01-01T00:00:00Z"}}"""));
        error.IsInvalid.ShouldBeTrue();
        error.Causes.ShouldNotBeEmpty();
        error.Causes.ShouldAllBe(one => one.Field == "metadata.deletionTimestamp");
        (await GetAsync("a")).Metadata.DeletionTimestamp.ShouldBeNull();
    }

    [Case]
    public async Task Preconditions_OfUidAndVersion()
    {
        var made = await CreateAsync("a", "red");
        var uid = await RefusedAsync(DeleteAsync(new DeleteOptions { Uid = Guid.NewGuid().ToString() }));
        (uid.Code, uid.Reason).ShouldBe((HttpStatusCode.Conflict, "Conflict"));
        uid.Status.Message!.ShouldStartWith("Operation cannot be fulfilled on Widget.test.mooring.dev \"a\": the UID in the precondition");
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        var version = await RefusedAsync(DeleteAsync(new DeleteOptions { ResourceVersion = made.Metadata.ResourceVersion }));
        (version.Code, version.Reason).ShouldBe((HttpStatusCode.Conflict, "Conflict"));
        version.Status.Message!.ShouldContain("the ResourceVersion in the precondition");
        var now = await GetAsync("a");
        (await DeleteAsync(new DeleteOptions { Uid = now.Metadata.Uid, ResourceVersion = now.Metadata.ResourceVersion })).ShouldBeTrue();
        (await FindAsync("a")).ShouldBeNull();
    }

    [Case]
    public async Task DryRun_DeletesNothing()
    {
        await CreateAsync("a", "red");
        (await DeleteAsync(new DeleteOptions { DryRun = true })).ShouldBeTrue();
        (await GetAsync("a")).Metadata.DeletionTimestamp.ShouldBeNull();
    }

    [Case]
    public async Task MadeAgain_IsAnotherObject()
    {
        var first = await CreateAsync("a", "red");
        await DeleteAsync();
        var second = await CreateAsync("a", "red");
        second.Metadata.Uid.ShouldNotBe(first.Metadata.Uid);
        (await RefusedAsync(Client.ReplaceAsync(Widget.Type, first))).IsConflict.ShouldBeTrue();
    }

    [Case]
    public async Task Owned_GoesWithItsOwner()
    {
        var owner = await Client.CreateAsync(ConfigMaps, MakeMap("owner", "1"));
        var owned = MakeMap("owned", "1");
        owned.Metadata.OwnerReferences =
        [
            new OwnerReference
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Name = "owner",
                Uid = owner.Metadata.Uid!,
            },
        ];
        await Client.CreateAsync(ConfigMaps, owned);
        await Client.CreateAsync(ConfigMaps, MakeMap("other", "1"));
        await Client.DeleteAsync(ConfigMaps, Namespace, "owner");
        await Until.TrueAsync(
            async () => await Client.FindAsync(ConfigMaps, Namespace, "owned") is null,
            Deadline,
            "the owned object goes with its owner"
        );
        (await Client.FindAsync(ConfigMaps, Namespace, "other")).ShouldNotBeNull();
    }

    private Task<bool> DeleteAsync(DeleteOptions? options = null) => Client.DeleteAsync(Widget.Type, Namespace, "a", options);

    private Task CreateWithFinalizerAsync()
    {
        var widget = Make("a", "red");
        widget.Metadata.Finalizers = ["test.mooring.dev/one"];
        return Client.CreateAsync(Widget.Type, widget);
    }
}
