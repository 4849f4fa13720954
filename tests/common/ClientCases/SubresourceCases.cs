using Mooring.Kubernetes.Client;

namespace Mooring.Testing.ClientCases;

/// <summary>Status, scale and generation.</summary>
public abstract class SubresourceCases(ICaseServer server) : CaseBase(server)
{
    [Case]
    public async Task ReplaceStatus_LeavesEverythingElse()
    {
        var made = await CreateAsync("a", "red", app: "x");
        made.Spec = new WidgetSpec { Color = "ignored" };
        made.Metadata.Labels = new() { ["app"] = "ignored" };
        made.Status = new WidgetStatus { Replicas = 3 };
        var after = await Client.ReplaceStatusAsync(Widget.Type, made);
        after.Status.ShouldBe(made.Status);
        after.Spec!.Color.ShouldBe("red");
        after.Metadata.Labels!["app"].ShouldBe("x");
        after.Metadata.Generation.ShouldBe(1);
        after.Metadata.ResourceVersion.ShouldNotBe(made.Metadata.ResourceVersion);
        (await RefusedAsync(Client.ReplaceStatusAsync(Widget.Type, made))).IsConflict.ShouldBeTrue();
    }

    [Case]
    public async Task Replace_LeavesTheStatus()
    {
        var made = await CreateAsync("a", "red");
        made.Status = new WidgetStatus { Replicas = 3 };
        made = await Client.ReplaceStatusAsync(Widget.Type, made);
        (made.Spec, made.Status) = (new WidgetSpec { Color = "blue" }, null);
        var after = await Client.ReplaceAsync(Widget.Type, made);
        after.Status!.Replicas.ShouldBe(3);
        after.Spec!.Color.ShouldBe("blue");
    }

    [Case]
    public async Task Patch_AtTheWrongAddress_IsNoChange()
    {
        var made = await CreateAsync("a", "red");
        var version = made.Metadata.ResourceVersion;
        (await MergeAsync("a", """{"status":{"replicas":3}}""")).Metadata.ResourceVersion.ShouldBe(version);
        (await MergeAsync("a", """{"spec":{"color":"blue"}}""", "status")).Metadata.ResourceVersion.ShouldBe(version);
        var after = await MergeAsync("a", """{"status":{"replicas":3},"spec":{"color":"blue"}}""", "status");
        (after.Status!.Replicas, after.Spec!.Color).ShouldBe((3, "red"));
    }

    [Case]
    public async Task Generation_RisesWithTheSpecAlone()
    {
        (await CreateAsync("a", "red")).Metadata.Generation.ShouldBe(1);
        (await MergeAsync("a", """{"metadata":{"labels":{"app":"x"},"annotations":{"a":"b"}}}""")).Metadata.Generation.ShouldBe(1);
        (await MergeAsync("a", """{"status":{"replicas":3}}""", "status")).Metadata.Generation.ShouldBe(1);
        (await MergeAsync("a", """{"spec":{"color":"red"}}""")).Metadata.Generation.ShouldBe(1);
        (await MergeAsync("a", """{"spec":{"color":"blue"}}""")).Metadata.Generation.ShouldBe(2);
    }

    [Case]
    public async Task Generation_ConfigMapsHaveNone()
    {
        (await Client.CreateAsync(ConfigMaps, MakeMap("a", "1"))).Metadata.Generation.ShouldBeNull();
        (await Client.ReplaceAsync(ConfigMaps, MakeMap("a", "2"))).Metadata.Generation.ShouldBeNull();
    }

    [Case]
    public async Task Scale_ShowsAndSetsReplicas()
    {
        var made = await CreateAsync("a", "red", 2);
        await MergeAsync("a", """{"status":{"replicas":1,"selector":"app=a"}}""", "status");
        var scale = await Client.GetScaleAsync(Widget.Type, Namespace, "a");
        (scale.Kind, scale.ApiVersion, scale.Metadata.Uid).ShouldBe(("Scale", "autoscaling/v1", made.Metadata.Uid));
        (scale.Spec.Replicas, scale.Status!.Replicas, scale.Status.Selector).ShouldBe((2, 1, "app=a"));
        (await Client.SetScaleAsync(Widget.Type, Namespace, "a", 7)).Spec.Replicas.ShouldBe(7);
        var after = await GetAsync("a");
        after.Spec.ShouldBe(new WidgetSpec { Color = "red", Replicas = 7 });
        after.Status!.Replicas.ShouldBe(1);
        after.Metadata.Generation.ShouldBe(2);
    }

    [Case]
    public async Task Scale_WithoutReplicas_IsAnError()
    {
        await CreateAsync("a", "red");
        var error = await RefusedAsync(Client.GetScaleAsync(Widget.Type, Namespace, "a"));
        error.Reason.ShouldBe("InternalError");
        error.Message.ShouldContain(".spec.replicas");
    }

    [Case]
    public async Task Scale_OwnsTheReplicas()
    {
        await Client.ApplyAsync(Widget.Type, Make("a", "red", 2));
        await Client.SetScaleAsync(Widget.Type, Namespace, "a", 7, new WriteOptions { FieldManager = "scaler" });
        var conflict = (await RefusedAsync(Client.ApplyAsync(Widget.Type, Make("a", "red", 2)))).ApplyConflicts.ShouldHaveSingleItem();
        (conflict.Manager, conflict.Field).ShouldBe(("scaler", "spec.replicas"));
        (await Client.ApplyAsync(Widget.Type, Make("a", "blue"))).Spec.ShouldBe(new WidgetSpec { Color = "blue", Replicas = 7 });
    }
}
