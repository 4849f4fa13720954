using System.Net;
using Mooring.Kubernetes.Client;

namespace Mooring.Testing.ClientCases;

/// <summary>Create, read, replace and patch, and their errors.</summary>
public abstract class ObjectCases(ICaseServer server) : CaseBase(server)
{
    [Case]
    public async Task Create_ReturnsWhatTheServerAdded_WithoutTheStatus()
    {
        var widget = Make("a", "red");
        widget.Status = new WidgetStatus { Replicas = 7 };
        var made = await Client.CreateAsync(Widget.Type, widget);
        made.Metadata.Uid.ShouldNotBeNullOrEmpty();
        made.Metadata.ResourceVersion.ShouldNotBeNullOrEmpty();
        made.Metadata.CreationTimestamp.ShouldNotBeNull();
        made.Metadata.Generation.ShouldBe(1);
        made.Status.ShouldBeNull();
        var got = await GetAsync("a");
        got.Metadata.ResourceVersion.ShouldBe(made.Metadata.ResourceVersion);
        (got.ApiVersion, got.Kind, got.Spec!.Color, got.Metadata.Namespace).ShouldBe(("test.mooring.dev/v1", "Widget", "red", Namespace));
    }

    [Case]
    public async Task Create_Twice_IsAlreadyExists()
    {
        await CreateAsync("a");
        var error = await RefusedAsync(CreateAsync("a"));
        (error.Code, error.Reason, error.IsAlreadyExists).ShouldBe((HttpStatusCode.Conflict, "AlreadyExists", true));
        error.Status.Message.ShouldBe("widgets.test.mooring.dev \"a\" already exists");
        Names(error).ShouldBe(("a", "test.mooring.dev", "widgets"));
    }

    [Case]
    public async Task Create_BadName_IsInvalid_AndNamesTheField()
    {
        var error = await RefusedAsync(CreateAsync("Bad_Name"));
        (error.Code, error.Reason, error.IsInvalid).ShouldBe((HttpStatusCode.UnprocessableEntity, "Invalid", true));
        error.Status.Message.ShouldStartWith("Widget.test.mooring.dev \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\"");
        var cause = error.Causes.ShouldHaveSingleItem();
        (cause.Reason, cause.Field).ShouldBe(("FieldValueInvalid", "metadata.name"));
        Names(error).ShouldBe(("Bad_Name", "test.mooring.dev", "Widget"));
    }

    [Case]
    public async Task Create_GenerateName_MakesANameOfItsOwn()
    {
        var widget = Make("", "red");
        (widget.Metadata.Name, widget.Metadata.GenerateName) = (null, "w-");
        var made = await Client.CreateAsync(Widget.Type, widget);
        made.Metadata.Name!.ShouldStartWith("w-");
        made.Metadata.Name!.Length.ShouldBe(7);
        (await GetAsync(made.Metadata.Name)).Metadata.Uid.ShouldBe(made.Metadata.Uid);
    }

    [Case]
    public async Task Create_WithAVersion_IsRefused()
    {
        var widget = Make("a");
        widget.Metadata.ResourceVersion = "1";
        var error = await RefusedAsync(Client.CreateAsync(Widget.Type, widget));
        error.Status.Message!.ShouldContain("resourceVersion should not be set on objects to be created");
        error.Code.ShouldBe(HttpStatusCode.InternalServerError);
    }

    [Case]
    public async Task Create_DryRun_AnswersAndStoresNothing()
    {
        var made = await Client.CreateAsync(Widget.Type, Make("a", "red"), new WriteOptions { DryRun = true });
        made.Spec!.Color.ShouldBe("red");
        made.Metadata.Uid.ShouldNotBeNullOrEmpty();
        (await FindAsync("a")).ShouldBeNull();
    }

    [Case]
    public async Task Missing_IsNotFound_ForEveryVerb()
    {
        var widget = Make("no", "red");
        widget.Metadata.ResourceVersion = "1";
        foreach (
            var request in (Task[])
                [
                    GetAsync("no"),
                    Client.ReplaceAsync(Widget.Type, widget),
                    Client.ReplaceStatusAsync(Widget.Type, widget),
                    MergeAsync("no", """{"spec":{"color":"red"}}"""),
                    Client.GetScaleAsync(Widget.Type, Namespace, "no"),
                    Client.SetScaleAsync(Widget.Type, Namespace, "no", 1),
                ]
        )
        {
            var error = await RefusedAsync(request);
            (error.Code, error.Reason, error.IsNotFound).ShouldBe((HttpStatusCode.NotFound, "NotFound", true));
            error.Status.Message.ShouldBe("widgets.test.mooring.dev \"no\" not found");
            Names(error).ShouldBe(("no", "test.mooring.dev", "widgets"));
        }

        (await FindAsync("no")).ShouldBeNull();
        (await Client.DeleteAsync(Widget.Type, Namespace, "no")).ShouldBeFalse();
    }

    [Case]
    public async Task Replace_WithTheVersionRead_OnlyOnce()
    {
        var first = await CreateAsync("a", "red");
        first.Spec = new WidgetSpec { Color = "blue" };
        var second = await Client.ReplaceAsync(Widget.Type, first);
        second.Metadata.ResourceVersion.ShouldNotBe(first.Metadata.ResourceVersion);
        first.Spec = new WidgetSpec { Color = "green" };
        var error = await RefusedAsync(Client.ReplaceAsync(Widget.Type, first));
        (error.Code, error.Reason, error.IsConflict, error.IsAlreadyExists).ShouldBe((HttpStatusCode.Conflict, "Conflict", true, false));
        error.Status.Message.ShouldBe(
            "Operation cannot be fulfilled on widgets.test.mooring.dev \"a\": "
                + "the object has been modified; please apply your changes to the latest version and try again"
        );
        Names(error).ShouldBe(("a", "test.mooring.dev", "widgets"));
        (await GetAsync("a")).Spec!.Color.ShouldBe("blue");
    }

    [Case]
    public async Task Replace_WithoutAVersion_IsInvalidForCustomKinds_AndTakenForConfigMaps()
    {
        await CreateAsync("a", "red");
        var error = await RefusedAsync(Client.ReplaceAsync(Widget.Type, Make("a", "blue")));
        error.IsInvalid.ShouldBeTrue();
        error.Causes.ShouldHaveSingleItem().Field.ShouldBe("metadata.resourceVersion");
        await Client.CreateAsync(ConfigMaps, MakeMap("a", "1"));
        (await Client.ReplaceAsync(ConfigMaps, MakeMap("a", "2"))).Data!["key"].ShouldBe("2");
    }

    [Case]
    public async Task Replace_ByTheSame_IsNoChange()
    {
        var made = await CreateAsync("a", "red");
        (await Client.ReplaceAsync(Widget.Type, made)).Metadata.ResourceVersion.ShouldBe(made.Metadata.ResourceVersion);
    }

    [Case]
    public async Task Replace_OfAnothersUid_IsConflict()
    {
        var made = await CreateAsync("a", "red");
        made.Metadata.Uid = Guid.NewGuid().ToString();
        var error = await RefusedAsync(Client.ReplaceAsync(Widget.Type, made));
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.Conflict, "Conflict"));
        error.Status.Message!.ShouldContain("UID in precondition");
    }

    [Case]
    public async Task MergePatch_SetsAndRemoves_AndMayBeNoChange()
    {
        await CreateAsync("a", "red");
        var after = await MergeAsync("a", """{"metadata":{"labels":{"app":"x"}},"spec":{"color":null,"replicas":2}}""");
        after.Spec.ShouldBe(new WidgetSpec { Replicas = 2 });
        after.Metadata.Labels.ShouldBe(new Dictionary<string, string> { ["app"] = "x" });
        (await MergeAsync("a", """{"spec":{"replicas":2}}""")).Metadata.ResourceVersion.ShouldBe(after.Metadata.ResourceVersion);
    }

    [Case]
    public async Task MergePatch_WithAnOldVersion_IsConflict()
    {
        var first = await CreateAsync("a", "red");
        var patch = $$"""{"metadata":{"resourceVersion":"{{first.Metadata.ResourceVersion}}"},"spec":{"color":"blue"} }""";
        (await MergeAsync("a", patch)).Spec!.Color.ShouldBe("blue");
        var error = await RefusedAsync(MergeAsync("a", patch.Replace("blue", "green", StringComparison.Ordinal)));
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.Conflict, "Conflict"));
    }

    [Case]
    public async Task JsonPatch_WorksOrIsInvalidWhole()
    {
        await CreateAsync("a", "red");
        var after = await JsonAsync(
            """[{"op":"test","path":"/spec/color","value":"red"},{"op":"add","path":"/spec/replicas","value":3}]"""
        );
        after.Spec.ShouldBe(new WidgetSpec { Color = "red", Replicas = 3 });
        var error = await RefusedAsync(
            JsonAsync("""[{"op":"remove","path":"/spec/replicas"},{"op":"test","path":"/spec/color","value":"blue"}]""")
        );
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.UnprocessableEntity, "Invalid"));
        (await GetAsync("a")).Spec.ShouldBe(new WidgetSpec { Color = "red", Replicas = 3 });

        Task<Widget> JsonAsync(string patch) => Client.PatchAsync(Widget.Type, Namespace, "a", Patch.Json(patch));
    }

    [Case]
    public async Task StrategicMergePatch_IsForBuiltInKindsOnly()
    {
        await CreateAsync("a", "red");
        var patch = Patch.StrategicMerge("""{"data":{"other":"2"}}""");
        var error = await RefusedAsync(Client.PatchAsync(Widget.Type, Namespace, "a", patch));
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.UnsupportedMediaType, "UnsupportedMediaType"));
        await Client.CreateAsync(ConfigMaps, MakeMap("a", "1"));
        (await Client.PatchAsync(ConfigMaps, Namespace, "a", patch)).Data!.Count.ShouldBe(2);
    }

    [Case]
    public async Task Patch_ThatIsNoJson_IsABadRequest()
    {
        await CreateAsync("a", "red");
        var error = await RefusedAsync(MergeAsync("a", "{\"spec\":"));
        (error.Code, error.Reason).ShouldBe((HttpStatusCode.BadRequest, "BadRequest"));
    }

    private static (string? Name, string? Group, string? Kind) Names(KubernetesException error) =>
        (error.Status.Details?.Name, error.Status.Details?.Group, error.Status.Details?.Kind);
}
