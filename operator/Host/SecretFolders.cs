using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Host;

/// <summary>Where gateways of host mode find Secrets: those of the manifest in the state directory, others in a folder that the user keeps.</summary>
/// <param name="State">Folder of the manifest's Secrets; written by this program.</param>
/// <param name="Given">The user's folder, with a folder for each Secret; only read.</param>
internal sealed record SecretFolders(string State, string Given)
{
    private const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;

    /// <summary>Those of a fleet. A Secret of the manifest goes before one of the user's folder.</summary>
    public SecretPaths Of(string space, IEnumerable<ManifestSecret> secrets) =>
        new(
            Given,
            secrets
                .Where(secret => secret.Namespace == space)
                .ToDictionary(static secret => secret.Name, secret => Folder(secret), StringComparer.Ordinal)
        );

    /// <summary>Secrets that a fleet names and that are nowhere, or lack a key.</summary>
    public static IEnumerable<string> Missing(ConnectionFleet fleet, SecretPaths paths)
    {
        foreach (var use in SecretPaths.Used(fleet.Spec))
        {
            var lacking = use.Keys.Where(key => !File.Exists(paths.File(use.Name, key))).ToList();
            if (lacking.Count > 0 && paths.Elsewhere?.ContainsKey(use.Name) != true)
            {
                yield return $"{use.Path}: there is no Secret '{use.Name}' in the manifest, and no {string.Join(" and ", lacking)} in {paths.Of(use.Name)}";
            }
        }
    }

    /// <summary>A Secret of the manifest that lacks a key which a fleet wants of it.</summary>
    public static IEnumerable<string> Lacking(ConnectionFleet fleet, string space, IReadOnlyList<ManifestSecret> secrets) =>
        from use in SecretPaths.Used(fleet.Spec)
        from secret in secrets
        where secret.Name == use.Name && secret.Namespace == space
        from key in use.Keys
        where !secret.Data.ContainsKey(key)
        select $"{use.Path}: Secret '{use.Name}' of the manifest has no {key}";

    /// <summary>Writes the manifest's Secrets, for this user only, and removes what was written for others. Files that are the same are left alone.</summary>
    /// <param name="secrets">All of the manifest.</param>
    /// <param name="kept">Files that are to stay as they are where the manifest has them no more.</param>
    /// <exception cref="IOException">The disk is full, or no place for it.</exception>
    public void Write(IReadOnlyList<ManifestSecret> secrets, IEnumerable<string>? kept = null)
    {
        if (secrets.Count == 0 && !Directory.Exists(State))
        {
            return;
        }

        Directory.CreateDirectory(State, OwnerFolder);
        var wanted = new HashSet<string>(kept ?? [], StringComparer.Ordinal);
        foreach (var secret in secrets)
        {
            var folder = Folder(secret);
            Directory.CreateDirectory(Path.GetDirectoryName(folder)!, OwnerFolder);
            Directory.CreateDirectory(folder, OwnerFolder);
            foreach (var (key, value) in secret.Data)
            {
                var path = Path.Combine(folder, key);
                wanted.Add(path);
                Put(path, value);
            }
        }

        foreach (
            var file in Directory.EnumerateFiles(State, "*", SearchOption.AllDirectories).Where(file => !wanted.Contains(file)).ToList()
        )
        {
            File.Delete(file);
        }
    }

    private string Folder(ManifestSecret secret) => Path.Combine(State, secret.Namespace, secret.Name);

    private static void Put(string path, byte[] value)
    {
        if (File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(value))
        {
            return;
        }

        // Beside it first, so that a gateway never reads half a file.
        var beside = $"{path}.new";
        File.Delete(beside);
        using (
            var file = new FileStream(
                beside,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = OwnerFile,
                }
            )
        )
        {
            file.Write(value);
        }

        File.Move(beside, path, overwrite: true);
    }
}
