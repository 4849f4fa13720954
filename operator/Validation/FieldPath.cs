using System.Text;

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
    public static string FromProperties(string root, string properties)
    {
        var path = new StringBuilder(root);
        var atName = true;
        var inKey = false;
        foreach (var letter in properties)
        {
            // A key in brackets is not ours to change, and may hold dots.
            inKey = letter switch
            {
                '[' => true,
                ']' => false,
                _ => inKey,
            };
            if (!inKey && letter == '.')
            {
                atName = true;
                continue;
            }

            if (atName)
            {
                path.Append('.');
            }

            path.Append(atName ? char.ToLowerInvariant(letter) : letter);
            atName = false;
        }

        return path.ToString();
    }
}
