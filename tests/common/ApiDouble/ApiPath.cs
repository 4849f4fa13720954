namespace Mooring.Testing.ApiDouble;

/// <summary>A request's path, taken apart. <see cref="Name"/> and <see cref="Subresource"/> are null for a collection.</summary>
public sealed record ApiPath(string Group, string Version, string Plural, string? Namespace, string? Name, string? Subresource)
{
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>As messages name the resource.</summary>
    public string QualifiedName => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>A kind that somebody defined, and not one of Kubernetes' own.</summary>
    public bool IsCustom => Group.Contains('.') && !Group.EndsWith(".k8s.io", StringComparison.Ordinal);

    /// <summary>Parses <c>/api/v1/…</c> and <c>/apis/group/version/…</c>; null for anything else.</summary>
    public static ApiPath? Parse(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var (group, version, rest) = parts switch
        {
            ["api", var core, .. var tail] => ("", core, tail),
            ["apis", var name, var its, .. var tail] => (name, its, tail),
            _ => ("", "", []),
        };
        return rest switch
        {
            ["namespaces", var ns, var plural, .. var tail] when plural is not ("status" or "finalize") => Of(plural, ns, tail),
            [var plural, .. var tail] => Of(plural, null, tail),
            _ => null,
        };

        ApiPath? Of(string plural, string? ns, string[] tail) =>
            tail switch
            {
                [] => new ApiPath(group, version, plural, ns, null, null),
                [var name] => new ApiPath(group, version, plural, ns, name, null),
                [var name, var part] => new ApiPath(group, version, plural, ns, name, part),
                _ => null,
            };
    }
}
