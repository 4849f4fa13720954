using System.Text.Json.Nodes;

namespace Mooring.Testing.ApiDouble;

/// <summary>Does what an ordinary request asks.</summary>
internal static class RequestHandler
{
    /// <exception cref="ApiException">Whatever the real server would refuse, too.</exception>
    public static (int Code, JsonObject Body) Handle(ObjectStore store, RecordedRequest request)
    {
        if (request.Path == "/version")
        {
            return (
                200,
                new JsonObject
                {
                    ["major"] = "1",
                    ["minor"] = "36",
                    ["gitVersion"] = "v1.36.0",
                }
            );
        }

        var path =
            ApiPath.Parse(request.Path) ?? throw new ApiException(404, "NotFound", "the server could not find the requested resource");
        var query = request.Query;
        var manager = new FieldManager(query.GetValueOrDefault("fieldManager", "unknown"), false, path.Subresource, path.ApiVersion);
        var dryRun = query.GetValueOrDefault("dryRun") == "All";
        return (request.Method, path.Name) switch
        {
            ("GET", null) => (
                200,
                store.List(
                    path,
                    query.GetValueOrDefault("labelSelector"),
                    query.GetValueOrDefault("fieldSelector"),
                    int.Parse(query.GetValueOrDefault("limit", "0")),
                    query.GetValueOrDefault("continue")
                )
            ),
            ("GET", _) => (200, path.Subresource == "scale" ? ScaleOf(store.Get(path), path) : store.Get(path)),
            ("POST", null) => (201, store.Create(path, Body(request), manager, dryRun)),
            ("PUT" or "PATCH", _) when path.Subresource == "scale" => (200, SetScale(store, path, request, manager, dryRun)),
            ("PUT", _) => (200, store.Change(path, manager, dryRun, owns: true, (_, _) => Replacement(path, request))),
            ("PATCH", _) => Patch(store, path, request, manager, dryRun),
            ("DELETE", _) => (200, Delete(store, path, request, dryRun)),
            _ => throw new ApiException(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        };
    }

    private static JsonObject Replacement(ApiPath path, RecordedRequest request)
    {
        var value = Body(request);
        WriteRules.CheckReplacement(path, value);
        return value;
    }

    private static JsonObject SetScale(ObjectStore store, ApiPath path, RecordedRequest request, FieldManager manager, bool dryRun)
    {
        var (replicas, version) = ((int)Body(request)["spec"]!["replicas"]!, Body(request)["metadata"]?["resourceVersion"]);
        var changed = store.Change(
            path with
            {
                Subresource = null,
            },
            manager,
            dryRun,
            owns: true,
            (value, _) =>
            {
                value["spec"] ??= new JsonObject();
                value["spec"]!["replicas"] = replicas;
                if (version is not null)
                {
                    value["metadata"]!["resourceVersion"] = version.DeepClone();
                }

                return value;
            }
        );
        return ScaleOf(changed, path);
    }

    private static (int Code, JsonObject Body) Patch(
        ObjectStore store,
        ApiPath path,
        RecordedRequest request,
        FieldManager manager,
        bool dryRun
    )
    {
        switch (request.ContentType)
        {
            case "application/merge-patch+json":
            case "application/strategic-merge-patch+json" when !path.IsCustom:
                return (
                    200,
                    store.Change(
                        path,
                        manager,
                        dryRun,
                        owns: true,
                        (value, _) =>
                        {
                            Patches.Merge(value, Body(request));
                            return value;
                        }
                    )
                );
            case "application/json-patch+json":
                return (
                    200,
                    store.Change(
                        path,
                        manager,
                        dryRun,
                        owns: true,
                        (value, _) =>
                        {
                            Patches.Json(value, (JsonArray)JsonNode.Parse(request.Body)!);
                            return value;
                        }
                    )
                );
            case "application/apply-patch+yaml":
                return Apply(store, path, request, manager, dryRun);
            default:
                throw new ApiException(
                    415,
                    "UnsupportedMediaType",
                    $"the body of the request was in an unknown format: {request.ContentType}"
                );
        }
    }

    private static (int Code, JsonObject Body) Apply(
        ObjectStore store,
        ApiPath path,
        RecordedRequest request,
        FieldManager manager,
        bool dryRun
    )
    {
        manager = manager with { Applies = true };
        var configuration = Body(request);
        if (configuration["apiVersion"] is null || configuration["kind"] is null)
        {
            throw new ApiException(400, "BadRequest", "apiVersion and kind must be set");
        }

        if (
            (configuration["metadata"]?["uid"] is { } uid && (string?)uid != UidOf(store, path))
            || configuration["metadata"]?["resourceVersion"] is { } set && (string?)set == ""
        )
        {
            throw new ApiException(409, "Conflict", "uid mismatch");
        }

        // What this endpoint does not write is not owned by it either.
        foreach (
            var name in configuration
                .Select(static one => one.Key)
                .Where(one => (path.Subresource == "status") == (one != "status"))
                .ToArray()
        )
        {
            configuration.Remove(name);
        }

        var force = request.Query.GetValueOrDefault("force") == "true";
        try
        {
            return (
                200,
                store.Change(
                    path,
                    manager,
                    dryRun,
                    owns: false,
                    (value, owners) =>
                    {
                        owners.Apply(manager, value, configuration, force);
                        return value;
                    }
                )
            );
        }
        catch (ApiException error) when (error.Code == 404 && path.Subresource is null)
        {
            configuration["metadata"] ??= new JsonObject();
            configuration["metadata"]!["name"] = path.Name;
            // As the API server: a version keeps an apply from an object that is there, not from making one.
            configuration["metadata"]!.AsObject().Remove("resourceVersion");
            return (201, store.Create(path with { Name = null }, configuration, manager, dryRun));
        }
    }

    private static string? UidOf(ObjectStore store, ApiPath path)
    {
        try
        {
            return (string?)store.Get(path)["metadata"]!["uid"];
        }
        catch (ApiException error) when (error.Code == 404)
        {
            return null;
        }
    }

    private static JsonObject Delete(ObjectStore store, ApiPath path, RecordedRequest request, bool dryRun)
    {
        var options = request.Body.Length > 0 ? Body(request) : [];
        var preconditions = options["preconditions"];
        dryRun |= options["dryRun"] is JsonArray { Count: > 0 };
        return store.Delete(path, (string?)preconditions?["uid"], (string?)preconditions?["resourceVersion"], dryRun);
    }

    private static JsonObject Body(RecordedRequest request)
    {
        try
        {
            return (JsonObject)JsonNode.Parse(request.Body)!;
        }
        catch (Exception error) when (error is System.Text.Json.JsonException or InvalidCastException)
        {
            throw new ApiException(400, "BadRequest", $"the object provided is unrecognized: {error.Message}");
        }
    }

    private static JsonObject ScaleOf(JsonObject value, ApiPath path)
    {
        if (path.IsCustom && value["spec"]?["replicas"] is null)
        {
            throw new ApiException(
                500,
                "InternalError",
                "Internal error occurred: the spec replicas field \".spec.replicas\" does not exist"
            );
        }

        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = value["metadata"]!.DeepClone(),
            ["spec"] = new JsonObject { ["replicas"] = value["spec"]?["replicas"]?.DeepClone() ?? 0 },
            ["status"] = new JsonObject
            {
                ["replicas"] = value["status"]?["replicas"]?.DeepClone() ?? 0,
                ["selector"] = value["status"]?["selector"]?.DeepClone(),
            },
        };
    }
}
