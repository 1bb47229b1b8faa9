// SPDX-License-Identifier: GPL-2.0-only
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <kapi/debugfs.h>

#include "kapi_module.h"

/* A device's directory: there while it has files. */
struct dir {
	struct list_head list;
	struct dentry *dentry;
	unsigned int files;
	char name[48];
};

struct kapi_file {
	struct dir *dir;
	struct dentry *dentry;
	void (*show)(void *ctx, struct kapi_text *out);
	void *ctx;
};

static struct dentry *root;
static LIST_HEAD(dirs);
static DEFINE_MUTEX(dirs_lock);

void xenpv_debugfs_init(void)
{
	root = debugfs_create_dir("xenpv", NULL);
}

void xenpv_debugfs_exit(void)
{
	debugfs_remove(root);
}

/* struct kapi_text is struct seq_file under another name. */
void kapi_print(struct kapi_text *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	seq_vprintf((struct seq_file *)out, fmt, args);
	va_end(args);
}
EXPORT_SYMBOL_GPL(kapi_print);

static int show(struct seq_file *seq, void *unused)
{
	struct kapi_file *file = seq->private;

	file->show(file->ctx, (struct kapi_text *)seq);
	return 0;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, inode->i_private);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.open = open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

static void dir_put(struct dir *dir)
{
	lockdep_assert_held(&dirs_lock);
	if (--dir->files)
		return;
	list_del(&dir->list);
	debugfs_remove(dir->dentry);
	kfree(dir);
}

static struct dir *dir_get(const char *name)
{
	struct dir *dir;

	lockdep_assert_held(&dirs_lock);
	list_for_each_entry(dir, &dirs, list) {
		if (!strcmp(dir->name, name)) {
			++dir->files;
			return dir;
		}
	}
	dir = kzalloc(sizeof(*dir), GFP_NOIO);
	if (!dir)
		return NULL;
	strscpy(dir->name, name, sizeof(dir->name));
	dir->dentry = debugfs_create_dir(dir->name, root);
	if (IS_ERR(dir->dentry)) {
		kfree(dir);
		return NULL;
	}
	dir->files = 1;
	list_add(&dir->list, &dirs);
	return dir;
}

struct kapi_file *kapi_file_create(const char *dir, const char *name,
				   void (*show_text)(void *ctx, struct kapi_text *out), void *ctx)
{
	struct kapi_file *file;

	if (IS_ERR_OR_NULL(root))
		return NULL;
	file = kzalloc(sizeof(*file), GFP_NOIO);
	if (!file)
		return NULL;
	file->show = show_text;
	file->ctx = ctx;
	mutex_lock(&dirs_lock);
	file->dir = dir_get(dir);
	if (!file->dir)
		goto fail;
	file->dentry = debugfs_create_file(name, 0400, file->dir->dentry, file, &operations);
	if (IS_ERR(file->dentry)) {
		dir_put(file->dir);
		goto fail;
	}
	mutex_unlock(&dirs_lock);
	return file;

fail:
	mutex_unlock(&dirs_lock);
	kfree(file);
	return NULL;
}
EXPORT_SYMBOL_GPL(kapi_file_create);

void kapi_file_remove(struct kapi_file *file)
{
	if (!file)
		return;
	/* Waits for readers; outside the lock, which a show function may want by
	 * ending a device. */
	debugfs_remove(file->dentry);
	mutex_lock(&dirs_lock);
	dir_put(file->dir);
	mutex_unlock(&dirs_lock);
	kfree(file);
}
EXPORT_SYMBOL_GPL(kapi_file_remove);
