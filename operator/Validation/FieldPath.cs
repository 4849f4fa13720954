namespace Mooring.Operator.Validation;

/// <summary>Writes the paths of fields as Kubernetes does.</summary>
internal static class FieldPath
{
    public static string Child(string parent, string name) => parent.Length == 0 ? name : $"{parent}.{name}";

    public static string Item(string parent, int index) => $"{parent}[{index}]";

    /// <summary>A key of a map, which may hold dots.</summary>
    public static string Key(string parent, string key) => $"{parent}[{key}]";

    /// <summary>The path one step up; empty at the top.</summary>
    public static string Parent(string path)
    {
        var cut = path.LastIndexOfAny(['.', '[']);
        return cut < 0 ? "" : path[..cut];
    }

    /// <summary>From a path of properties (<c>Listeners[1].TcpIdle</c>), with camelCase names, below <paramref name="root"/>.</summary>
    public static string FromProperties(string root, string properties) => string.IsNullOrEmpty(properties)
        ? root
        : Child(root, string.Join('.', properties.Split('.').Select(name => char.ToLowerInvariant(name[0]) + name[1..])));
}
